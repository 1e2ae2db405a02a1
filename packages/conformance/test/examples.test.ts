import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { needs, pathOf, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { makePool, root } from './support/pools.js'

const examples = join(root, 'examples')

/** More than a check allows itself. */
const TIMEOUT_MS = 70_000

describe.runIf(needs('python3-msgpack'))('the supervisor in Python', () => {
  const supervisorCmd = () => [pathOf('python3-msgpack'), join(examples, 'custom-supervisor-python/supervisor.py')]

  describe.concurrent('holds to the core profile', { timeout: TIMEOUT_MS }, () => {
    test.each(conformanceChecks({ profile: 'core' }).map(({ title }) => title))('%s', async (wanted) => {
      const checks = conformanceChecks({ profile: 'core', supervisorCmd: supervisorCmd() })
      expect(await checks.find(({ title }) => title === wanted)?.run()).toEqual({})
    })
  })

  test('serves a pool: spawn, search, output, exit and end', async () => {
    const pool = makePool({ supervisorCmd: supervisorCmd() })
    const task = await pool.spawn({ cmd: 'echo from python; sleep 1000', meta: { name: 'py' } })
    expect((await task.stdout.waitFor('python'))?.offset).toBe(5)
    const [found] = await pool.search({ meta: { name: 'py' }, state: 'running' })
    expect(await found?.info()).toMatchObject({ supervisorPid: task.pid, software: 'python-example/1.0' })
    expect(await found?.terminateSupervisor()).toMatchObject({ exitStatus: { signal: 'SIGTERM', cause: 'stopped' } })
    expect(await pool.search()).toEqual([])
  })

  test('refuses what it does not support, and names what it cannot run', async () => {
    const pool = makePool({ supervisorCmd: supervisorCmd() })
    await expect(pool.spawn({ cmd: 'true', restart: { on: 'always' } })).rejects.toMatchObject({
      code: 'ERR_BGTASK_UNSUPPORTED',
      method: 'restart',
    })
    await expect(pool.spawn({ exec: ['/no/such/program'] })).rejects.toMatchObject({
      code: 'ERR_BGTASK_COMMAND',
      reason: 'not-found',
    })
  })
})

test('the supervisor in TypeScript adds the git commit, in less than 60 lines', { timeout: TIMEOUT_MS }, async () => {
  const directory = join(examples, 'custom-supervisor-ts')
  expect(readFileSync(join(directory, 'supervisor.ts'), 'utf8').split('\n').length).toBeLessThan(60)
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory])
  const { gitPool } = await import(join(directory, 'dist/supervisor.js'))
  const { supervisorCmd } = gitPool({ path: tempDir() })
  const pool = makePool({ supervisorCmd })
  const task = await pool.spawn({ cmd: 'sleep 1000' })
  const gitCommit = commitOf(process.cwd())
  expect(await task.info()).toMatchObject({ gitCommit, software: 'git-supervisor/1.0', stdio: 'pipe' })
  expect(await pool.search({ gitCommit })).toHaveLength(1)
})

function commitOf(cwd: string): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd, encoding: 'utf8' }).trim()
  } catch {
    // The tests may run in a copy that is no repository.
    return null
  }
}

test('the light client is one small file that works alone', { timeout: TIMEOUT_MS }, async () => {
  const directory = tempDir()
  const { stdout } = await runNode(join(examples, 'light-client/bundle.mjs'), [directory])
  const [, bytes, gzipped] = /^follow\.mjs: (\d+) bytes, (\d+) gzipped$/.exec(String(stdout)) ?? []
  expect(Number(bytes)).toBeLessThan(100_000)
  expect(Number(gzipped)).toBeLessThan(35_000)
  expect(readFileSync(join(directory, 'follow.mjs'), 'utf8')).not.toMatch(
    /mkdirIfMissing|here-document|BGTASK_BEHAVIOR/,
  )
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'seq 1 3; read line; exit 5' })
  const follower = runNode(join(directory, 'follow.mjs'), [pool.socketPath(task.pid)], { cwd: directory })
  await task.stdin.close()
  expect(await follower).toMatchObject({ stdout: '1\n2\n3', exitCode: 5 })
})
