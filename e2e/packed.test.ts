import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { makeTempDir, runNode, type TempDir, tempDir } from '@bgtask/testkit'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endTasksAfterTest } from './support/pools.js'

const root = resolve(import.meta.dirname, '..')
const PNPM = ['--yes', 'pnpm@12.21.0']

/** Strings of third-party code that bundling and minifying leave as they are. */
const MARKS: Readonly<Record<string, RegExp>> = {
  '@xterm/xterm': /xterm-viewport/,
  commander: /commander\.unknownOption/,
  'fs-native-extensions': /fs_native_extensions|fs-native-extensions/,
  msgpackr: /Data read, but end of buffer not reached/,
  valibot: /ValiError|vendor: ?"valibot"/,
}

/** All packages that are published. */
const NAMES = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name, 'package.json'))
  .filter((path) => existsSync(path))
  .map((path): { name: string; private?: boolean } => JSON.parse(readFileSync(path, 'utf8')))
  .flatMap((manifest) => (manifest.private ? [] : [manifest.name]))

let packed: TempDir
afterAll(() => packed.remove())

/** Paths of the tarballs by the package's whole name. */
const tarballs: Record<string, string> = {}

beforeAll(() => {
  packed = makeTempDir()
  const args = ['--recursive', '--filter=./packages/*', 'pack', '--pack-destination', packed.path]
  execFileSync('npx', [...PNPM, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  for (const file of readdirSync(packed.path)) {
    // A private package is packed too.
    const name = /^bgtask-([a-z-]+)-\d/.exec(file)?.[1]
    if (NAMES.includes(`@bgtask/${name}`)) tarballs[`@bgtask/${name}`] = join(packed.path, file)
  }
}, 300_000)

describe('third-party code in a tarball has its notices there', () => {
  test('and each package has a tarball', () => {
    expect(Object.keys(tarballs).sort()).toEqual(NAMES)
  })

  test.each(NAMES)('%s', (name) => {
    const directory = unpack(name)
    const files = readdirSync(join(directory, 'dist'), { recursive: true, encoding: 'utf8' })
    const code = files.filter((file) => /\.(c?js|node)$/.test(file)).map((file) => read(directory, file))
    const held = Object.keys(MARKS).filter((library) => code.some((text) => MARKS[library]?.test(text)))
    const notices = files.includes('THIRD-PARTY-NOTICES') ? read(directory, 'THIRD-PARTY-NOTICES') : ''
    const named = Array.from(notices.matchAll(/^(\S+) \d+\.\d+\.\d+\n-+\n/gm), ([, library]) => library as string)
    // Of what cannot be told from its code the notices may be there all the same.
    expect(named).toEqual(expect.arrayContaining(held))
    expect(Object.keys(MARKS).filter((library) => named.includes(library))).toEqual(held)
  })
})

const SPAWN = `
  import { TaskPool } from '@bgtask/pool'
  const pool = new TaskPool({ path: process.argv[2], mkdirIfMissing: true })
  try {
    const task = await pool.spawn({ cmd: 'echo hello; sleep 1000' })
    const { text } = await task.stdout.waitFor('hello')
    await task.terminateSupervisor()
    console.log(text)
  } catch ({ code, message }) {
    console.log(code, message)
  }`

describe('in an empty project', () => {
  test('pnpm installs the packages, and a task is spawned', { timeout: 300_000 }, async () => {
    const project = tempDir()
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    // They depend on each other by version, and are not in the registry.
    const overrides = Object.entries(tarballs).map(([name, path]) => `  '${name}': 'file:${path}'`)
    writeFileSync(join(project, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('\n')}\n`)
    await run('npx', [...PNPM, 'add', '--prefer-offline', ...Object.values(tarballs)], project)
    expect(await spawnIn(project, SPAWN)).toBe('hello')
  })

  test('npm installs the packages, none with a script, and a task is spawned', { timeout: 300_000 }, async () => {
    const project = tempDir()
    await installWithNpm(project)
    const lock = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8'))
    const packages = Object.entries<{ hasInstallScript?: boolean }>(lock.packages)
    expect(packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([])
    expect(await spawnIn(project, SPAWN)).toBe('hello')
  })

  test.each(['esm', 'cjs'] as const)(
    'an app that esbuild has bundled as %s spawns',
    { timeout: 300_000 },
    async (format) => {
      const project = tempDir()
      await installWithNpm(project)
      const file = await bundle(project, format)
      expect(await spawnIn(project, file)).toBe('hello')
      // Without the package beside it, it says what it lacks.
      const elsewhere = tempDir()
      const alone = join(elsewhere, `app.${format === 'esm' ? 'mjs' : 'cjs'}`)
      writeFileSync(alone, readFileSync(file))
      expect(await spawnIn(elsewhere, alone)).toMatch(
        /^ERR_BGTASK_INVALID_OPTION supervisorCmd must be given, or the package @bgtask\/supervisor installed/,
      )
    },
  )
})

async function installWithNpm(project: string): Promise<void> {
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const names = ['@bgtask/protocol', '@bgtask/client', '@bgtask/pool', '@bgtask/supervisor']
  const paths = names.map((name) => tarballs[name] as string)
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...paths], project)
}

async function bundle(project: string, format: 'esm' | 'cjs'): Promise<string> {
  const entry = join(project, 'app.mjs')
  writeFileSync(
    entry,
    `async function main() {${SPAWN.replace(/import .*\n/, '')}}\nmain()\nimport { TaskPool } from '@bgtask/pool'`,
  )
  const outfile = join(project, 'bundle', `app.${format === 'esm' ? 'mjs' : 'cjs'}`)
  await build({ entryPoints: [entry], outfile, format, bundle: true, platform: 'node', logLevel: 'silent' })
  return outfile
}

/** Runs a program, or a file of one, in a project; gives what it says. */
async function spawnIn(project: string, program: string): Promise<string> {
  const file = program.startsWith('/') ? program : join(project, 'program.mjs')
  if (file !== program) writeFileSync(file, program)
  const path = join(project, 'pool')
  endTasksAfterTest(path)
  // Test runners started through pnpm's scripts see the repository's packages from everywhere.
  const { stdout, stderr } = await runNode(file, [path], { cwd: project, env: { NODE_PATH: '' } })
  return String(stdout || stderr)
}

/** @throws where it exits with anything but 0, with its words. */
async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  await promisify(execFile)(program, args, { cwd, env: { ...process.env, CI: 'true' } })
}

function unpack(name: string): string {
  const directory = join(tempDir(), 'package')
  mkdirSync(directory)
  execFileSync('tar', ['xf', tarballs[name] as string, '-C', directory, '--strip-components=1'])
  return directory
}

function read(directory: string, file: string): string {
  return readFileSync(join(directory, 'dist', file), 'latin1')
}
