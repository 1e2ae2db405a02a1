// node scripts/check-versions.mjs VERSION: fails unless every public package has that version.
import { publicPackages } from './public-packages.mjs'

const [version] = process.argv.slice(2)
const others = publicPackages().filter(({ manifest }) => manifest.version !== version)
for (const { name, manifest } of others) console.error(`${name} is ${manifest.version}, not ${version}`)
process.exitCode = others.length > 0 ? 1 : 0
