// `npm run pack [-- --whole]`: packs each public package, as it would be published, into packed/. Builds first; see package.json.
// The package of a platform whose program was not built is left out, by name; with --whole that is an error.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { packInto } from './lib/tarballs.mjs'
import { publicPackages } from './public-packages.mjs'

const directory = join(import.meta.dirname, '../packed')

rmSync(directory, { recursive: true, force: true })
const tarballs = packInto(directory)
for (const path of Object.values(tarballs)) console.log(path)
const missing = publicPackages().filter(({ name }) => tarballs[name] === undefined)
for (const { name } of missing)
  console.error(`${name} is left out: its program was not built (packages/supervisor-native/release.sh)`)
if (missing.length > 0 && process.argv.includes('--whole')) process.exitCode = 1
