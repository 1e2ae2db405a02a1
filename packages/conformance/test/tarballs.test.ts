import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runNode, tempDir } from '@bgtask/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { packOnce } from '../../../scripts/lib/tarballs.mjs'
import { makePool, root } from './support/pools.js'

/** Paths of the tarballs by the package's short name. */
let tarballs: Map<string, string>

beforeAll(async () => {
  tarballs = new Map(Object.entries(await packOnce()).map(([name, path]) => [name.replace('@bgtask/', ''), path]))
}, 300_000)

describe('what the tarballs hold', () => {
  const contents = (name: string) =>
    execFileSync('tar', ['tf', tarballs.get(name) as string], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''))

  test.each(['protocol', 'client', 'supervisor', 'pool', 'conformance'])('%s: the build and its papers', (name) => {
    const files = contents(name)
    expect(
      files.filter(
        (file) =>
          !/^(dist\/.*\.(c?js|c?js\.map|d\.ts|node)|dist\/THIRD-PARTY-NOTICES|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(
            file,
          ),
      ),
    ).toEqual([])
    expect(files).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'CHANGELOG.md',
        'LICENSE',
        'dist/index.js',
        'dist/index.d.ts',
      ]),
    )
    const manifest = readManifest(name)
    expect(JSON.stringify(manifest)).not.toMatch(/workspace:|@bgtask\/source|@bgtask\/testkit/)
  })

  test('supervisor: the daemon in one file, and the lock addon for each platform', () => {
    const prebuilds = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']
    const needed = prebuilds.map((platform) => `dist/prebuilds/${platform}/fs-native-extensions.node`)
    expect(contents('supervisor')).toEqual(expect.arrayContaining(['dist/daemon.cjs', 'dist/command.js', ...needed]))
  })

  test("client and protocol: as large as the client's README says", () => {
    const readme = readFileSync(join(root, 'packages/client/README.md'), 'utf8')
    const [, client, protocol] = /packed package is (\d+) KB.*?`@bgtask\/protocol` (\d+) KB/.exec(readme) ?? []
    for (const [name, said] of Object.entries({ client, protocol })) {
      const kilobytes = statSync(tarballs.get(name) as string).size / 1_000
      expect(Math.abs(kilobytes - Number(said)) / kilobytes, `${name}: ${kilobytes} KB`).toBeLessThan(0.1)
    }
  })

  test('the addon and the daemon are nowhere else', () => {
    const others = ['protocol', 'client', 'pool', 'conformance'].flatMap(contents)
    expect(others.filter((file) => /\.node$|daemon/.test(file))).toEqual([])
  })
})

describe('each layer alone', () => {
  test('client with protocol controls a task', async () => {
    const project = install('protocol', 'client')
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'echo hello; sleep 1000' })
    const program = `
      import { Task } from '@bgtask/client'
      const task = Task.at(process.argv[2])
      const { state } = await task.info()
      const match = await task.stdout.waitFor('hello')
      const { exitStatus } = await task.stop()
      console.log(JSON.stringify({ state, offset: match.offset, signal: exitStatus.signal }))`
    const { stdout } = await run(project, program, pool.socketPath(task.pid))
    expect(JSON.parse(String(stdout))).toEqual({ state: 'running', offset: 0, signal: 'SIGTERM' })
  })

  const SPAWN = `
    import { TaskPool } from '@bgtask/pool'
    const [path, lockfile, ...supervisorCmd] = process.argv.slice(2)
    const pool = new TaskPool({ path, mkdirIfMissing: true, ...(supervisorCmd.length > 0 && { supervisorCmd }) })
    try {
      const task = await pool.spawn({ cmd: 'echo hello; sleep 1000', lockfile })
      const match = await task.stdout.waitFor('hello')
      const second = await pool.spawn({ cmd: 'true', lockfile }).catch((error) => error.code)
      await task.terminateSupervisor()
      console.log(JSON.stringify({ offset: match.offset, second }))
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message }))
    }`

  test('pool without the supervisor package works with supervisorCmd, and says what it lacks without', async () => {
    const project = install('protocol', 'client', 'pool')
    const [path, lockfile] = [join(project, 'pool'), join(project, 'lock')]
    const without = await run(project, SPAWN, path, lockfile)
    expect(JSON.parse(String(without.stdout))).toEqual({
      code: 'ERR_BGTASK_INVALID_OPTION',
      message: expect.stringContaining('@bgtask/supervisor'),
    })
    const withCommand = await run(project, SPAWN, path, lockfile, ...makePool().supervisorCmd)
    expect(JSON.parse(String(withCommand.stdout))).toEqual({ offset: 0, second: 'ERR_BGTASK_LOCK_HELD' })
  })

  test('pool with the supervisor package needs nothing more, and its lock is there', async () => {
    const project = install('protocol', 'client', 'pool', 'supervisor')
    const { stdout } = await run(project, SPAWN, join(project, 'pool'), join(project, 'lock'))
    expect(JSON.parse(String(stdout))).toEqual({ offset: 0, second: 'ERR_BGTASK_LOCK_HELD' })
  })
})

/** An empty project with these tarballs, and what they depend on but the packages of this repository. */
function install(...names: string[]): string {
  const project = tempDir()
  const modules = join(project, 'node_modules')
  for (const name of names) {
    const target = join(modules, '@bgtask', name)
    mkdirSync(target, { recursive: true })
    execFileSync('tar', ['xf', tarballs.get(name) as string, '-C', target, '--strip-components=1'])
    for (const dependency of Object.keys(readManifest(name).dependencies ?? {})) {
      // Several of them depend on valibot.
      if (dependency.startsWith('@bgtask/') || existsSync(join(modules, dependency))) continue
      symlinkSync(realpathSync(join(root, 'packages', name, 'node_modules', dependency)), join(modules, dependency))
    }
  }
  return project
}

function readManifest(name: string): { dependencies?: Record<string, string> } {
  return JSON.parse(
    execFileSync('tar', ['xfO', tarballs.get(name) as string, 'package/package.json'], { encoding: 'utf8' }),
  )
}

function run(project: string, program: string, ...args: string[]) {
  const file = join(project, 'program.mjs')
  writeFileSync(file, program)
  // Test runners started through pnpm's scripts see the repository's packages from everywhere.
  return runNode(file, args, { cwd: project, env: { NODE_PATH: '' } })
}
