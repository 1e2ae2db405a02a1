import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskPool } from '@bgtask/pool'
import { eventually, isAlive, needs, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { runCaller } from '../support/callers.js'
import { commandsOf, expectNothingLeft, locksOn, makePool } from '../support/pools.js'
import { startProgram } from '../support/programs.js'

const FCNTL = join(import.meta.dirname, '../fixtures/fcntl-lock.pl')

/** Programs that lock a file, say `locked`, and hold on until their stdin ends. */
const PROGRAMS = {
  fcntl: (file: string) => ['perl', FCNTL, file],
  flock: (file: string) => ['flock', '-n', file, 'sh', '-c', 'echo locked; exec cat'],
}
type LockKind = keyof typeof PROGRAMS
const KINDS = ['fcntl', 'flock'] as const

describe.runIf(needs('perl', 'flock'))('a job exits if its lock file cannot be locked', () => {
  test.for(KINDS)('a lock file with an %s lock of another program is refused', async (kind) => {
    const { pool, lockfile } = setUp()
    const holder = await hold(kind, lockfile)
    await expect(pool.spawn({ cmd: 'sleep 1000', lockfile })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LOCK_HELD',
      lockfile,
      holder: { kind, pid: holder.pid },
      message: expect.stringContaining(lockfile),
    })
    expectNothingLeft(pool.path)
    await holder.letGo()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    expect(await task.info()).toMatchObject({ state: 'running', lockfile })
  })

  test('a lock file of another task of any pool is refused', async () => {
    const { pool, lockfile } = setUp()
    const first = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const { pid: childPid } = await first.info()
    const other = makePool()
    await expect(other.spawn({ cmd: 'sleep 1000', lockfile })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LOCK_HELD',
      lockfile,
      holder: { kind: 'bgtask', supervisorPid: first.pid, childPid },
    })
    expectNothingLeft(other.path)
    await first.terminateSupervisor()
    expect(await other.spawn({ cmd: 'sleep 1000', lockfile })).toBeDefined()
  })

  test('of tasks that are spawned at once, one gets the lock', async () => {
    const { pool, lockfile } = setUp()
    const spawns = Array.from({ length: 4 }, () => pool.spawn({ exec: ['sleep', '1000'], lockfile }))
    const outcomes = await Promise.allSettled(spawns)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await pool.search()).toHaveLength(1)
    expect(commandsOf(pool.path)).toEqual([expect.stringMatching(/daemon\.cjs|bgtask-supervisor/), 'sleep 1000'])
  })

  test.for(KINDS)('while the task runs, no other process can take an %s lock', async (kind) => {
    const { pool, lockfile } = setUp()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    await expect(hold(kind, lockfile)).rejects.toThrow('not locked')
    await task.kill('KILL')
    await task.wait()
    await hold(kind, lockfile)
  })

  test('the lock ends with the job, even if its supervisor stays', async () => {
    const { pool, lockfile } = setUp()
    const task = await pool.spawn({ cmd: 'true', lockfile })
    await task.wait()
    expect(locksOn(lockfile)).toEqual([])
    expect(await pool.taskByPid(task.pid)).toBeDefined()
  })

  test('the lock ends with a killed supervisor, and its job, which continues to run, still excludes others', async () => {
    const { pool, lockfile } = setUp()
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    const childPid = (await task.info()).pid ?? 0
    process.kill(task.pid, 'SIGKILL')
    await expect(task.wait()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
    // The kernel closes its sockets before its other files.
    await eventually(() => locksOn(lockfile).length === 0)
    expect(isAlive(childPid)).toBe(true)
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LOCK_HELD',
      holder: { kind: 'orphan', childPid },
    })
  })

  test('a lock file with other content is locked and stays as it is', async () => {
    const { pool, lockfile } = setUp()
    writeFileSync(lockfile, '4711\n')
    const task = await pool.spawn({ cmd: 'sleep 1000', lockfile })
    expect(locksOn(lockfile)).not.toEqual([])
    await task.terminateSupervisor()
    expect(readFileSync(lockfile, 'utf8')).toBe('4711\n')
  })
})

test("a relative lock file is in the caller's working directory", async () => {
  const cwd = tempDir()
  const path = join(cwd, 'pool')
  await runCaller(
    { pool: { path, mkdirIfMissing: true }, tasks: [{ cmd: 'sleep 1000', lockfile: 'the.lock' }] },
    { cwd },
  )
  expect(existsSync(join(cwd, 'the.lock'))).toBe(true)
  expect(locksOn(join(cwd, 'the.lock'))).not.toEqual([])
})

function setUp(): { pool: TaskPool; lockfile: string } {
  return { pool: makePool(), lockfile: join(tempDir(), 'the.lock') }
}

/** Another program that holds the lock. Rejects where it does not get it. */
async function hold(kind: LockKind, file: string): Promise<{ pid: number; letGo: () => Promise<void> }> {
  const { pid, process, exited } = startProgram(PROGRAMS[kind](file))
  const first = await Promise.race([once(process.stdout, 'data'), exited])
  if (String(first[0]) !== 'locked\n') throw new Error('not locked')
  const letGo = async () => {
    process.stdin.end()
    await exited
  }
  return { pid, letGo }
}
