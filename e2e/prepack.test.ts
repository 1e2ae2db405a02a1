import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { publicPackages } from '../scripts/public-packages.mjs'

const REPOSITORY = resolve(import.meta.dirname, '..')
const NAMES = ['one', 'two', 'three']
const PREPACK = 'node ../../scripts/prepack.mjs'
const run = promisify(execFile)

/** Logs that it ran, and makes what the manifests name; `broken` makes it do neither. */
const BUILD = `
  import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
  appendFileSync('builds', 'x')
  if (existsSync('broken')) process.exit(1)
  for (const name of ${JSON.stringify(NAMES)}) {
    mkdirSync('packages/' + name + '/dist', { recursive: true })
    writeFileSync('packages/' + name + '/dist/index.js', readFileSync('packages/' + name + '/src/index.js'))
  }`

test('packing builds once for all packages, again after a change, and packs nothing if the build fails', {
  timeout: 300_000,
}, async () => {
  const root = makeRepository()
  const built = () => readFileSync(join(root, 'builds'), 'utf8').length

  expect(await packAll(root)).toEqual({ one: '1', two: '1', three: '1' })
  expect(built()).toBe(1)
  writeFileSync(join(root, 'packages/two/src/index.js'), '2')
  rmSync(join(root, 'packages/one/dist'), { recursive: true })
  expect(await packAll(root)).toEqual({ one: '1', two: '2', three: '1' })
  expect(built()).toBe(2)

  writeFileSync(join(root, 'broken'), '')
  rmSync(join(root, 'packages/one/dist'), { recursive: true })
  await expect(packAll(root)).rejects.toThrow('ERR_PNPM_EXECUTOR_LIFECYCLE_SCRIPT_FAILED')
  expect(readdirSync(join(root, 'packed'))).toEqual([])
})

test('every public package builds in its prepack', () => {
  const others = publicPackages().filter(({ manifest }) => manifest.scripts?.prepack !== PREPACK)
  expect(others).toEqual([])
})

/** A workspace of three packages, with this repository's `prepack`. */
function makeRepository(): string {
  const root = tempDir()
  mkdirSync(join(root, 'node_modules'))
  for (const path of ['prepack.mjs', 'public-packages.mjs', 'lib'])
    cpSync(join(REPOSITORY, 'scripts', path), join(root, 'scripts', path), { recursive: true })
  writeFileSync(join(root, 'pnpm-workspace.yaml'), 'packages:\n  - packages/*\n')
  writeFileSync(join(root, 'build.mjs'), BUILD)
  const scripts = { build: 'node build.mjs && node scripts/prepack.mjs --built' }
  writeFileSync(join(root, 'package.json'), JSON.stringify({ private: true, scripts }))
  for (const name of NAMES) {
    const directory = join(root, 'packages', name)
    mkdirSync(join(directory, 'src'), { recursive: true })
    writeFileSync(join(directory, 'src/index.js'), '1')
    const scripts = { prepack: PREPACK }
    const manifest = { name, version: '1.0.0', exports: './dist/index.js', files: ['dist'], scripts }
    writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest))
  }
  return root
}

/** Packs all packages at once. @returns what their tarballs hold as dist/index.js. */
async function packAll(root: string): Promise<Record<string, string>> {
  const packed = join(root, 'packed')
  rmSync(packed, { recursive: true, force: true })
  mkdirSync(packed)
  const args = ['--yes', 'pnpm@12.21.0', '--recursive', '--filter=./packages/*', 'pack', '--pack-destination', packed]
  await run('npx', args, { cwd: root })
  const contents = NAMES.map(async (name) => {
    const { stdout } = await run('tar', ['xfO', join(packed, `${name}-1.0.0.tgz`), 'package/dist/index.js'])
    return [name, stdout]
  })
  return Object.fromEntries(await Promise.all(contents))
}
