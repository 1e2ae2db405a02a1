import { readFileSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Task, type TaskPoolView } from '@bgtask/client'
import { COOKIE_VARIABLE, POOL_PATH_VARIABLE, SUPERVISOR_PID_VARIABLE } from '@bgtask/os'
import { TaskPool } from '@bgtask/pool'
import { eventually, isAlive, needs, processArgv, processEnv, processFds, tempDir } from '@bgtask/testkit'
import { describe, expect, test, vi } from 'vitest'
import { expectNothingLeft, makePool, processesOf } from '../support/pools.js'

class MyTask extends Task {
  readonly given: readonly [TaskPoolView, number]

  constructor(pool: TaskPoolView, pid: number) {
    super(pool, pid)
    this.given = [pool, pid]
  }

  async name(): Promise<unknown> {
    return (await this.info()).meta.name
  }
}

test('path and sockdir are the base directory', () => {
  const path = tempDir()
  const pool = new TaskPool({ path })
  expect(pool.path).toBe(path)
  expect(pool.sockdir).toBe(path)
})

test('outputPath is the file that the supervisor uses for its own stdout', async () => {
  const pool = makePool()
  pool.applySupervisorEnv({ BGTASK_DEBUG: '1' })
  const task = await pool.spawn({ cmd: 'echo hello; echo hello >&2; sleep 1000' })
  const path = pool.outputPath(task.pid)
  // It lets go of its launcher right after it has said that it is ready, and answers afterwards.
  await task.info()
  const fds = processFds(task.pid)
  expect([fds.get(0), fds.get(1), fds.get(2)]).toEqual(['/dev/null', path, path])
  await task.stdout.waitFor('hello')
  await eventually(() => readFileSync(path, 'utf8').includes(String(task.pid)))
  // The job's output is held for clients, and is not in it.
  expect(readFileSync(path, 'utf8')).not.toMatch(/^hello$/m)
})

test('socketPath is the unix socket on which the supervisor listens', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'sleep 1000' })
  expect(statSync(pool.socketPath(task.pid)).isSocket()).toBe(true)
  const again = Task.at(pool.socketPath(task.pid))
  expect((await again.info()).supervisorPid).toBe(task.pid)
  again.disconnect()
})

test('outputPath and socketPath are of the calling process unless a pid is given', () => {
  const pool = makePool()
  expect(pool.outputPath()).toBe(pool.outputPath(process.pid))
  expect(pool.socketPath()).toBe(pool.socketPath(process.pid))
  expect(pool.socketPath()).not.toBe(pool.socketPath(1))
})

describe('supervisorCmd', () => {
  test('supervisorCmd is the argv that starts the supervisor', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    // The default's shell becomes the program that its last words name.
    expect(pool.supervisorCmd.slice(-2)).toEqual(processArgv(task.pid))
  })

  test.for(['by the constructor', 'by assignment'])('supervisorCmd is set %s', async (how) => {
    const cmd = ['/usr/bin/env', 'SEED_CMD=1', ...makePool().supervisorCmd]
    const pool = makePool(how === 'by the constructor' ? { supervisorCmd: cmd } : {})
    if (how === 'by assignment') pool.supervisorCmd = cmd
    expect(pool.supervisorCmd).toEqual(cmd)
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    expect(processEnv(task.pid).SEED_CMD).toBe('1')
  })
})

describe('supervisorEnv', () => {
  test('supervisorEnv has the pool path by default', () => {
    const pool = makePool()
    expect(pool.supervisorEnv[POOL_PATH_VARIABLE]).toBe(pool.path)
  })

  test('supervisorEnv of the constructor is merged into the defaults', async () => {
    const pool = makePool({ supervisorEnv: { SEED_ENV: 'x', LANG: undefined } })
    const env = processEnv((await pool.spawn({ cmd: 'sleep 1000' })).pid)
    expect(env).toMatchObject({ SEED_ENV: 'x', [POOL_PATH_VARIABLE]: pool.path, PATH: process.env.PATH })
    expect(env).not.toHaveProperty('LANG')
  })

  test('an assigned supervisorEnv replaces the defaults, and a spawn names the missing variable', async () => {
    const pool = makePool()
    pool.supervisorEnv = { SEED_ENV: 'x' }
    expect(pool.supervisorEnv).toEqual({ SEED_ENV: 'x' })
    await expect(pool.spawn({ cmd: 'true' })).rejects.toMatchObject({
      code: 'ERR_BGTASK_INVALID_OPTION',
      option: 'supervisorEnv.BGTASK_TASKPOOL_PATH',
    })
    expectNothingLeft(pool.path)
    pool.supervisorEnv = { SEED_ENV: 'x', [POOL_PATH_VARIABLE]: pool.path }
    expect(processEnv((await pool.spawn({ cmd: 'sleep 1000' })).pid).SEED_ENV).toBe('x')
  })

  test('applySupervisorEnv merges new variables and returns all', async () => {
    const pool = makePool({ supervisorEnv: { SEED_A: 'a', SEED_B: 'b' } })
    const whole = pool.applySupervisorEnv({ SEED_B: 'B', SEED_C: 'c' })
    expect(whole).toMatchObject({ SEED_A: 'a', SEED_B: 'B', SEED_C: 'c', [POOL_PATH_VARIABLE]: pool.path })
    expect(whole).toEqual(pool.supervisorEnv)
    const env = processEnv((await pool.spawn({ cmd: 'sleep 1000' })).pid)
    expect(env).toMatchObject({ SEED_A: 'a', SEED_B: 'B', SEED_C: 'c', [POOL_PATH_VARIABLE]: pool.path })
  })
})

describe('the environments', () => {
  test("the environment of a supervisor is the caller's without variables that slow Node down, then supervisorEnv", async () => {
    vi.stubEnv('NODE_EXTRA_CA_CERTS', '/dev/null')
    vi.stubEnv('NODE_OPTIONS', '--no-deprecation')
    vi.stubEnv('SEED_CALLER', '1')
    const pool = makePool({ supervisorEnv: { SEED_SUPERVISOR: '1' } })
    const task = await pool.spawn({ exec: ['sleep', '1000'] })
    const [supervisor, child] = [processEnv(task.pid), processEnv((await task.info()).pid ?? 0)]
    vi.unstubAllEnvs()
    expect(supervisor).toMatchObject({ SEED_CALLER: '1', SEED_SUPERVISOR: '1', BGTASK_BEHAVIOR: 'daemon' })
    expect(supervisor).not.toHaveProperty('NODE_EXTRA_CA_CERTS')
    expect(supervisor).not.toHaveProperty('NODE_OPTIONS')
    // Of the child: the caller's as it was, and three variables more.
    expect(child).toEqual({
      ...process.env,
      NODE_EXTRA_CA_CERTS: '/dev/null',
      NODE_OPTIONS: '--no-deprecation',
      SEED_CALLER: '1',
      [POOL_PATH_VARIABLE]: pool.path,
      [SUPERVISOR_PID_VARIABLE]: String(task.pid),
      [COOKIE_VARIABLE]: expect.stringMatching(/^[0-9a-f]{16,}$/),
    })
  })

  test('the environment of a task inside a task has no variable of the outer one, whose end it survives', async () => {
    const pool = makePool()
    const program = join(import.meta.dirname, '../fixtures/caller.mjs')
    const report = join(tempDir(), 'report')
    const plan = JSON.stringify({
      pool: { path: pool.path },
      tasks: [{ exec: ['sleep', '1000'], meta: { inner: true } }],
    })
    const outer = await pool.spawn({ exec: [process.execPath, program, report, plan] })
    expect(await outer.wait()).toMatchObject({ exitCode: 0 })
    const [inner] = await pool.search({ meta: { inner: true } })
    const { pid: innerPid } = (await inner?.info()) ?? {}
    await outer.terminateSupervisor()
    expect(isAlive(innerPid ?? 0)).toBe(true)
    expect((await inner?.info())?.state).toBe('running')
    expect(processEnv(innerPid ?? 0)[SUPERVISOR_PID_VARIABLE]).toBe(String(inner?.pid))
  })
})

describe('taskClass', () => {
  test('taskClass is Task by default; another one is constructed with pool and pid', async () => {
    const pool = makePool()
    expect(pool.taskClass).toBe(Task)
    const mine = makePool({ taskClass: MyTask })
    expect(mine.taskClass).toBe(MyTask)
    const spawned = await mine.spawn({ cmd: 'sleep 1000', meta: { name: 'foo' } })
    expect(spawned).toBeInstanceOf(MyTask)
    expect(spawned.given).toEqual([mine, spawned.pid])
    expect(await spawned.name()).toBe('foo')
    const [found] = await mine.search()
    expect(await found?.name()).toBe('foo')
    expect(await (await mine.taskByPid(spawned.pid))?.name()).toBe('foo')
  })

  test('taskClass can be assigned', async () => {
    const pool = makePool()
    const task = await pool.spawn({ cmd: 'sleep 1000' })
    pool.taskClass = MyTask
    expect(await pool.taskByPid(task.pid)).toBeInstanceOf(MyTask)
  })
})

describe('mkdirIfMissing', () => {
  test.for([
    { given: [0o755, undefined, undefined] as const, mode: 0o755 },
    { given: [0o1777] as const, mode: 0o1777 },
    { given: { mode: 0o2750 }, mode: 0o2750 },
    { given: true, mode: 0o700 },
  ])('$given makes the directory, with that mode whatever the umask', ({ given, mode }) => {
    const path = join(tempDir(), 'not/there/yet')
    const umask = process.umask(0o077)
    try {
      expect(new TaskPool({ path, mkdirIfMissing: given }).path).toBe(path)
    } finally {
      process.umask(umask)
    }
    expect(statSync(path).mode & 0o7777).toBe(mode)
  })

  test.runIf(needs('root'))('mkdirIfMissing sets user and group', () => {
    const path = join(tempDir(), 'pool')
    new TaskPool({ path, mkdirIfMissing: [0o750, 65534, 65533] })
    expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65533 })
  })

  test('mkdirIfMissing does not change an existing directory', async () => {
    const path = tempDir()
    const { mode } = statSync(path)
    const pool = makePool({ path, mkdirIfMissing: [0o755] })
    expect(statSync(path).mode).toBe(mode)
    expect(realpathSync(pool.path)).toBe(path)
    expect(processesOf(path)).toEqual([])
  })
})
