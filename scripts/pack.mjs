// `npm run pack`: packs each public package, as it would be published, into packed/. Builds first; see package.json.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { publicPackages } from './public-packages.mjs'

const root = join(import.meta.dirname, '..')
const directory = join(root, 'packed')

rmSync(directory, { recursive: true, force: true })
const filters = publicPackages().map(({ name }) => `--filter=${name}`)
const { status } = spawnSync('pnpm', ['--recursive', ...filters, 'pack', '--pack-destination', directory], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
})
if (status !== 0) process.exit(1)
for (const name of readdirSync(directory)) console.log(join(directory, name))
