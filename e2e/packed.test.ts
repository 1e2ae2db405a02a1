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
    writeOverrides(project)
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

const CONSUMER = `
  import { defaultTaskPool, isBgTaskError, Task, TaskPool } from '@bgtask/pool'

  export const pool = new TaskPool({ path: '/tmp/pool', mkdirIfMissing: [0o755, undefined, undefined] })
  export const shared = defaultTaskPool()
  export const named = new TaskPool<Task<{ name: string }>>({ path: '/tmp/pool' })
  export const spawned = (options: Parameters<typeof pool.spawn>[0]) => pool.spawn(options)
  export const found = () => named.search({ meta: { name: /^a/ } })
  export const watched = () => pool.watch()
  export const lost = () => pool.lost()
  export const swept = () => pool.sweep()
  export const record = () => pool.record(1)
  export const supervisorEnv = pool.supervisorEnv
  export const task = Task.at('/tmp/pool/1.sock')
  export const info = () => task.info()
  export const meta = () => task.applyMeta({})
  export const streams = { ...task }
  export const read = async () => (await task.stdout.read()).data.toString()
  export const readResult = () => task.stdout.read()
  export const outputInfo = () => task.stdout.info()
  export const inputInfo = () => task.stdin.info()
  export const order = () => task.output.order()
  export const items = () => [task.stdout.follow(), task.stdout.lines(), task.output.follow()]
  export const match = () => task.stdout.waitFor('x')
  export const kill = (signal: Parameters<Task['kill']>[0]) => task.kill(signal)
  export const stop = () => task.stop({ steps: [{ killSignal: 'INT', waitMs: 1 }] })
  export const restart = (options: Parameters<Task['restart']>[0]) => task.restart(options)
  export const exit = () => task.wait()
  export const onExit = (listener: (run: number) => void) => task.on('childExit', ({ run }) => listener(run))
  export const reasonOf = (error: unknown) => isBgTaskError(error, 'ERR_BGTASK_POOL_DIR') ? error.reason : undefined
  export class Job extends Task<{ name: string }> {
    readonly started = this.info()
  }
  export const jobs = new TaskPool({ path: '/tmp/pool', taskClass: Job })
`

/** TypeScript's settings that the README names, for a package of that type. */
const MODULE_SETTINGS = [
  ['nodenext', 'nodenext', 'module'],
  ['node16', 'node16', 'module'],
  ['esnext', 'bundler', 'module'],
  ['nodenext', 'nodenext', 'commonjs'],
] as const

describe('a TypeScript project that depends on @bgtask/pool alone', () => {
  test('compiles with declarations under every module setting', { timeout: 300_000 }, async () => {
    const project = tempDir()
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const needed = ['typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`)
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    writeOverrides(project)
    await run('npx', [...PNPM, 'add', '--prefer-offline', tarballs['@bgtask/pool'] as string, ...needed], project)
    writeFileSync(join(project, 'consumer.ts'), CONSUMER)
    for (const [module, moduleResolution, type] of MODULE_SETTINGS) {
      writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }))
      const outDir = join(project, `${module}-${type}`)
      const options = ['--strict', '--exactOptionalPropertyTypes', '--declaration', '--target', 'es2023']
      const lib = ['--lib', 'es2023,esnext.disposable', '--types', 'node']
      const modules = ['--module', module, '--moduleResolution', moduleResolution, '--outDir', outDir]
      await run(join(project, 'node_modules/.bin/tsc'), [...options, ...lib, ...modules, 'consumer.ts'], project)
      const declared = readFileSync(join(outDir, 'consumer.d.ts'), 'utf8')
      // A type that the package does not name would be imported from a package that the project does not depend on.
      expect(Array.from(declared.matchAll(/(?:from |import\()["']([^"']+)["']/g), ([, from]) => from)).not.toContain(
        expect.stringMatching(/@bgtask\/(?!pool$)|\.pnpm/),
      )
    }
  })
})

/** The packages depend on each other by version, and are not in the registry. */
function writeOverrides(project: string): void {
  const overrides = Object.entries(tarballs).map(([name, path]) => `  '${name}': 'file:${path}'`)
  writeFileSync(join(project, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('\n')}\n`)
}

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

/** @throws if it exits with anything but 0; the message has its stdout. */
async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  await promisify(execFile)(program, args, { cwd, env: { ...process.env, CI: 'true' } }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`)
  })
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
