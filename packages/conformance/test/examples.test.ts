import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TaskPool } from '@bgtask/pool'
import { eventually, isAlive, needs, pathOf, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { makePool, root } from './support/pools.js'

const examples = join(root, 'examples')

const pythonSupervisor = () => [pathOf('python3-msgpack'), join(examples, 'custom-supervisor-python/supervisor.py')]

/** More than a check allows itself. */
const TIMEOUT_MS = 70_000

describe.runIf(needs('python3-msgpack'))('the supervisor in Python', () => {
  describe.concurrent('holds to the core profile', { timeout: TIMEOUT_MS }, () => {
    test.each(conformanceChecks({ profile: 'core' }).map(({ title }) => title))('%s', async (wanted) => {
      const checks = conformanceChecks({ profile: 'core', supervisorCmd: pythonSupervisor() })
      expect(await checks.find(({ title }) => title === wanted)?.run()).toEqual({})
    })
  })

  test('serves a pool: spawn, search, output, exit and end', async () => {
    const pool = makePool({ supervisorCmd: pythonSupervisor() })
    const task = await pool.spawn({ cmd: 'echo from python; sleep 1000', meta: { name: 'py' } })
    expect((await task.stdout.waitFor('python'))?.offset).toBe(5)
    const [found] = await pool.search({ meta: { name: 'py' }, state: 'running' })
    expect(await found?.info()).toMatchObject({ supervisorPid: task.pid, software: 'python-example/1.0' })
    expect(await found?.terminateSupervisor()).toMatchObject({ exitStatus: { signal: 'SIGTERM', cause: 'stopped' } })
    expect(await pool.search()).toEqual([])
  })

  test('refuses what it does not support, and names what it cannot run', async () => {
    const pool = makePool({ supervisorCmd: pythonSupervisor() })
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

test.runIf(needs('python3-msgpack'))(
  'the light clients with a supervisor of the core profile: as they say',
  async () => {
    const pool = makePool({ supervisorCmd: pythonSupervisor() })
    const { pid } = await pool.spawn({ cmd: 'echo out; exit 5' })
    const argv = (...words: string[]) => [join(examples, 'light-client-python/client.py'), pool.path, ...words]
    const python = (...words: string[]) => {
      const run = promisify(execFile)(pathOf('python3-msgpack'), argv(...words))
      run.child.stdin?.end()
      return run
    }
    expect(await python('follow', String(pid))).toMatchObject({ stdout: 'out\n' })
    await expect(python('wait', String(pid))).rejects.toMatchObject({ stderr: 'method waitExit is not supported\n' })
    await expect(python('write', String(pid))).rejects.toMatchObject({
      stderr: expect.stringContaining('Stream is not'),
    })
    expect(await python('list')).toMatchObject({ stdout: '' })
    const follower = runNode(join(examples, 'light-client/follow.js'), [pool.socketPath(pid)])
    expect(await follower).toMatchObject({ stdout: 'out', exitCode: 1, stderr: expect.stringContaining('UNSUPPORTED') })
  },
)

describe.runIf(needs('python3-msgpack'))('the client in Python', () => {
  const client = (pool: TaskPool, args: readonly (string | number)[], input = '') => {
    const argv = [join(examples, 'light-client-python/client.py'), pool.path, ...args.map(String)]
    const run = promisify(execFile)(pathOf('python3-msgpack'), argv, { timeout: 20_000 })
    run.child.stdin?.on('error', () => {}).end(input)
    return run.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  }

  test('writes to a task, follows its output from an offset on, waits for its end, and lists it', async () => {
    const pool = makePool()
    const { pid } = await pool.spawn({ cmd: 'read line; echo "got $line"; kill -TERM $$', meta: { name: 'greeter' } })
    const follower = client(pool, ['follow', pid, 4])
    const waiter = client(pool, ['wait', pid])
    expect(await client(pool, ['list'])).toMatchObject({ stdout: `${pid} running 'greeter'\n`, stderr: '' })
    expect(await client(pool, ['write', pid], 'hello\n')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await follower).toEqual({ code: 0, stdout: 'hello\n', stderr: '' })
    expect(await waiter).toEqual({ code: 143, stdout: '', stderr: '' })
    expect(await client(pool, ['list'])).toMatchObject({ stdout: `${pid} exited 'greeter'\n`, stderr: '' })
  })

  test('says what is no longer kept, what is refused, and that a supervisor is gone', async () => {
    const pool = makePool()
    const full = await pool.spawn({ cmd: 'seq 1 100; read line', maxReadBufSize: 4 })
    await full.stdout.waitFor('100')
    await full.stdin.close()
    const kept = { stdout: '100\n', stderr: 'bytes 0 to 288 are no longer kept\n' }
    expect(await client(pool, ['follow', full.pid])).toMatchObject(kept)
    expect(await client(pool, ['write', full.pid], 'x')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/stdin/),
    })
    expect(await client(pool, ['wait', 1])).toMatchObject({ code: 1, stderr: expect.stringMatching(/No such file/) })
  })

  test('lists what a killed supervisor left', async () => {
    const pool = makePool()
    const task = await pool.spawn({ exec: ['sleep', '1000'] })
    process.kill(task.pid, 'SIGKILL')
    await eventually(() => expect(isAlive(task.pid)).toBe(false))
    expect(await client(pool, ['list'])).toMatchObject({ stdout: `${task.pid} orphaned 'sleep 1000'\n`, stderr: '' })
    for (const lost of await pool.lost()) {
      await lost.stop()
      await lost.remove()
    }
    expect((await client(pool, ['list'])).stdout).toBe('')
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
  expect(await pool.search<{ gitCommit: string | null }>({ gitCommit })).toHaveLength(1)
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
  expect(Number(bytes)).toBeLessThan(110_000)
  expect(Number(gzipped)).toBeLessThan(40_000)
  expect(readFileSync(join(directory, 'follow.mjs'), 'utf8')).not.toMatch(
    /mkdirIfMissing|here-document|BGTASK_BEHAVIOR/,
  )
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'seq 1 3; read line; exit 5' })
  const follower = runNode(join(directory, 'follow.mjs'), [pool.socketPath(task.pid)], { cwd: directory })
  await task.stdin.close()
  expect(await follower).toMatchObject({ stdout: '1\n2\n3', exitCode: 5 })
})
