import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { makeTempDir, runNode, tempDir } from '@bgtask/testkit'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packOnce } from '../scripts/lib/tarballs.mjs'
import { packablePackages, publicPackages } from '../scripts/public-packages.mjs'
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

/** All packages that are published, but those of platforms for which this machine has built no program. */
const NAMES = packablePackages().map(({ name }) => name)

/** Of this machine. */
const NATIVE = `@bgtask/supervisor-${process.platform}-${process.arch}`
const hasNative = NAMES.includes(NATIVE)

/** Paths of the tarballs by the package's whole name. */
let tarballs: Record<string, string>

beforeAll(async () => {
  tarballs = await packOnce()
}, 300_000)

describe.runIf(hasNative)('the tarball of a platform', () => {
  test('holds the program with its checksum and notices, and nothing runs when it is installed', () => {
    const directory = unpack(NATIVE)
    expect(readdirSync(directory).sort()).toEqual([
      'LICENSE',
      'NOTICES.md',
      'README.md',
      'SHA256SUMS',
      'bgtask-supervisor',
      'package.json',
    ])
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({ os: [process.platform], cpu: [process.arch] })
    expect(Object.keys(manifest).filter((key) => /^scripts|ependencies$/.test(key))).toEqual([])
    const program = join(directory, 'bgtask-supervisor')
    const sum = createHash('sha256').update(readFileSync(program)).digest('hex')
    expect(readFileSync(join(directory, 'SHA256SUMS'), 'utf8')).toBe(`${sum}  bgtask-supervisor\n`)
    expect(statSync(program).mode & 0o777).toBe(0o755)
    expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toBe(
      `@bgtask/supervisor-native/${manifest.version}\n`,
    )
  })
})

describe('third-party code in a tarball has its notices there', () => {
  test.each(NAMES.filter((name) => !name.startsWith('@bgtask/supervisor-')))('%s', (name) => {
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
    const { software } = await task.info()
    await task.terminateSupervisor()
    console.log(text, software.includes('native') ? 'native' : 'node')
  } catch ({ code, message }) {
    console.log(code, message)
  }`

/** What that program prints. */
const SPAWNED = `hello ${hasNative ? 'native' : 'node'}`

describe('a project in which npm has installed the packages', () => {
  const project = makeTempDir()
  afterAll(() => project.remove())
  beforeAll(() => installWithNpm(project.path, true), 300_000)

  test('spawns a task, with the native supervisor if there is one, and has run no script', async () => {
    const lock = JSON.parse(readFileSync(join(project.path, 'node_modules/.package-lock.json'), 'utf8'))
    const packages = Object.entries<{ hasInstallScript?: boolean }>(lock.packages)
    expect(packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([])
    expect(await spawnIn(project.path, SPAWN)).toBe(SPAWNED)
  })

  test.each(['esm', 'cjs'] as const)('holds an app that esbuild has bundled as %s, which spawns', async (format) => {
    const file = await bundle(project.path, format)
    expect(await spawnIn(project.path, file)).toBe(SPAWNED)
    // Without the package beside it, it says what it lacks.
    const elsewhere = tempDir()
    const alone = join(elsewhere, `app.${format === 'esm' ? 'mjs' : 'cjs'}`)
    writeFileSync(alone, readFileSync(file))
    expect(await spawnIn(elsewhere, alone)).toMatch(
      /^ERR_BGTASK_INVALID_OPTION supervisorCmd must be given, or the package @bgtask\/supervisor installed/,
    )
  })

  test('spawns with the supervisor in Node, without a warning, if none is installed for its platform', {
    timeout: 300_000,
  }, async () => {
    const without = tempDir()
    await installWithNpm(without, false)
    expect(await spawnIn(without, SPAWN)).toBe('hello node')
  })
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

const TYPESCRIPT_5 = join(root, 'node_modules/typescript/bin/tsc')
/** Compiles in a fifth of the time. */
const TYPESCRIPT_7 = join(root, 'node_modules/typescript-native/bin/tsc')

/** TypeScript's settings that the README names, for a package of that type. */
const MODULE_SETTINGS = [
  ['nodenext', 'nodenext', 'module', TYPESCRIPT_5],
  ['node16', 'node16', 'module', TYPESCRIPT_7],
  ['esnext', 'bundler', 'module', TYPESCRIPT_7],
  ['nodenext', 'nodenext', 'commonjs', TYPESCRIPT_7],
] as const

describe('a TypeScript project in which pnpm has installed @bgtask/pool alone', () => {
  test('spawns, and compiles with declarations under every module setting', { timeout: 300_000 }, async () => {
    const project = tempDir()
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const needed = [tarballs['@bgtask/pool'] as string, `@types/node@${devDependencies['@types/node']}`]
    writeManifest(project)
    writeOverrides(project)
    await run('npx', [...PNPM, 'add', '--prefer-offline', ...needed], project)
    expect(await spawnIn(project, SPAWN)).toBe(SPAWNED)
    writeFileSync(join(project, 'consumer.ts'), CONSUMER)
    for (const [module, moduleResolution, type, compiler] of MODULE_SETTINGS) {
      writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }))
      const outDir = join(project, `${module}-${type}`)
      const options = ['--strict', '--exactOptionalPropertyTypes', '--declaration', '--target', 'es2023']
      const lib = ['--lib', 'es2023,esnext.disposable', '--types', 'node']
      const modules = ['--module', module, '--moduleResolution', moduleResolution, '--outDir', outDir]
      await run(process.execPath, [compiler, ...options, ...lib, ...modules, 'consumer.ts'], project)
      const declared = readFileSync(join(outDir, 'consumer.d.ts'), 'utf8')
      // A type that the package does not name would be imported from a package that the project does not depend on.
      expect(Array.from(declared.matchAll(/(?:from |import\()["']([^"']+)["']/g), ([, from]) => from)).not.toContain(
        expect.stringMatching(/@bgtask\/(?!pool$)|\.pnpm/),
      )
    }
  })
})

/** No package of this repository may come from a registry: nothing listens there. */
function writeManifest(project: string): void {
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  writeFileSync(join(project, '.npmrc'), '@bgtask:registry=http://127.0.0.1:9/\nfetch-retries=0\n')
}

/** The packages depend on each other by version, and are not in the registry. What was not packed is left out. */
function writeOverrides(project: string): void {
  const overrides = publicPackages().map(({ name }) => {
    const path = tarballs[name]
    return `  '${name}': '${path === undefined ? '-' : `file:${path}`}'`
  })
  writeFileSync(join(project, 'pnpm-workspace.yaml'), `fetchRetries: 0\noverrides:\n${overrides.join('\n')}\n`)
}

async function installWithNpm(project: string, withNative: boolean): Promise<void> {
  writeManifest(project)
  const names = ['@bgtask/protocol', '@bgtask/client', '@bgtask/pool', '@bgtask/supervisor']
  if (hasNative && withNative) names.push(NATIVE)
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
  return `${stdout}${stderr}`.trim()
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
