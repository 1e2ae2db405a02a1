import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { POOL_PATH_VARIABLE } from '@bgtask/os'
import type { LostTask, TaskPool } from '@bgtask/pool'
import { allPids, eventually, isAlive, processEnv, processStat, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { fixture, makePool, told } from './support/pool.js'

// Real SIGKILLs at the worst moments. Whatever runs afterwards must be told of, and whatever is told must be so.

const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

/** The child's first act is to kill its supervisor, which may not even have heard yet that it runs. */
const KILLS_SUPERVISOR = 'kill -9 $PPID; exec sleep 1000'

/** Supervisors and children of that pool. */
function processesOf(pool: TaskPool): number[] {
  return allPids().filter((pid) => processEnv(pid)[POOL_PATH_VARIABLE] === pool.path && isAlive(pid))
}

/** The only one, once its supervisor is gone. */
async function lostOf(pool: TaskPool): Promise<LostTask> {
  return eventually(async () => (await pool.lost())[0])
}

async function expectOrphanCanBeEnded(pool: TaskPool, known: Partial<LostTask['info']> = { exitStatus: null }) {
  const lost = await lostOf(pool)
  expect(lost.info).toMatchObject({ state: 'orphaned', ...known })
  expect(await lost.stop({ steps: KILL })).toEqual([])
  expect(lost.state).toBe('lost')
  expect(processesOf(pool)).toEqual([])
}

async function expectSweepLeavesNothing(pool: TaskPool): Promise<void> {
  // The record of a supervisor whose last thread has not ended yet stays.
  await eventually(async () => {
    await pool.sweep()
    return readdirSync(pool.path).length === 0
  })
}

/** Where the kill came before the supervisor was ready the spawn is refused, and nothing runs. */
async function expectRefusedOrOrphaned(pool: TaskPool, spawned: Promise<unknown>): Promise<'refused' | 'orphaned'> {
  const error = await spawned.then(
    () => undefined,
    (error) => error,
  )
  if (error === undefined) {
    await expectOrphanCanBeEnded(pool)
    return 'orphaned'
  }
  expect(error).toMatchObject({ code: 'ERR_BGTASK_LAUNCH' })
  expect(processesOf(pool)).toEqual([])
  expect(await pool.lost()).toEqual([])
  return 'refused'
}

describe('in its launch', () => {
  test('by the child that it has just started: the spawn is refused and no file is left, or the child told as orphaned', async () => {
    const pool = makePool()
    const lockfile = join(tempDir(), 'lock')
    const outcome = await expectRefusedOrOrphaned(pool, pool.spawn({ cmd: KILLS_SUPERVISOR, lockfile }))
    if (outcome === 'refused') expect(readdirSync(pool.path)).toEqual([])
    await expect(pool.spawn({ cmd: 'true', lockfile })).resolves.toBeDefined()
  })

  test('together with its caller: the child is told as orphaned, holds the lock, and can be ended', async () => {
    const pool = makePool()
    const lockfile = join(tempDir(), 'lock')
    const options = { cmd: `kill -9 $CALLER $PPID; exec sleep 1000`, lockfile }
    // The shell tells its pid and becomes the caller.
    const argv = [process.execPath, fixture('spawn-one.js'), pool.path, JSON.stringify(options)]
    const caller = spawn('/bin/sh', ['-c', 'export CALLER=$$; exec "$@"', 'sh', ...argv], { stdio: 'ignore' })
    expect(await once(caller, 'exit')).toEqual([null, 'SIGKILL'])
    const { pid } = await lostOf(pool)
    await eventually(() => processStat(pid) === undefined)
    await expect(pool.spawn({ cmd: 'true', lockfile })).rejects.toMatchObject({
      code: 'ERR_BGTASK_LOCK_HELD',
      holder: { kind: 'orphan', supervisorPid: pid },
    })
    await expectOrphanCanBeEnded(pool)
    await expectSweepLeavesNothing(pool)
    await expect(pool.spawn({ cmd: 'true', lockfile })).resolves.toBeDefined()
  })

  // What is being made has a random name.
  test.each([
    ['its log', /^\.\d+\.\w{6}$/, 1],
    ['its first record', /^\.\d+\.\w{6}$/, 2],
    ['the directory of its socket', /^\.\d+\.\w{6}$/, 3],
    ['its record', /^\d+\.[0-9a-f]+\.json$/, 1],
    ['its socket', /^\.\d+\.s$/, 1],
    ["its log's name", /^\d+\.out$/, 1],
    ["its socket's name", /^\d+\.sock$/, 1],
  ])('when %s appears: the spawn is refused and nothing runs, or the child is orphaned', async (_, name, nth) => {
    const pool = makePool()
    const seen = new Set<string>()
    const watcher = watch(pool.path, (_, file) => {
      if (!name.test(file ?? '') || seen.add(file ?? '').size < nth) return
      watcher.close()
      const pid = Number(/\d+/.exec(file ?? ''))
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    })
    await expectRefusedOrOrphaned(pool, pool.spawn({ cmd: 'sleep 1000' }))
    watcher.close()
  })
})

test('in a restart, by the child of the new run: that child is told as orphaned, and not as lost', async () => {
  const pool = makePool()
  const cwd = tempDir()
  const restart = { on: 'always', delayMs: 0 } as const
  await pool.spawn({ cmd: `[ -e again ] && { ${KILLS_SUPERVISOR}; }; touch again; exit 1`, cwd, restart })
  const { run, exitStatus } = (await lostOf(pool)).info
  // The kill may come before or after that run is on record.
  expect([
    [1, 1],
    [2, undefined],
  ]).toContainEqual([run, exitStatus?.exitCode])
  await expectOrphanCanBeEnded(pool, {})
  await expectSweepLeavesNothing(pool)
})

test('between the end of its child and the record of it: told as lost, and how it ended as unknown', async () => {
  const pool = makePool()
  const task = await pool.spawn({ cmd: 'read _; kill -9 $PPID; exit 3' })
  // Its answer may not come any more.
  await task.stdin.write('\n').catch(() => {})
  const lost = await lostOf(pool)
  await eventually(() => lost.state === 'lost')
  expect(lost.info).toMatchObject({ state: 'lost', run: 1, exitStatus: null })
})

describe('while it ends its child', () => {
  test.each([
    ['by a stop', (task: Task) => task.stop()],
    ['to terminate', (task: Task) => task.terminateSupervisor()],
  ])(
    '%s: the call fails, the child is told as orphaned, and the pool ends what the supervisor could not',
    async (_, end) => {
      const pool = makePool()
      const cmd = `trap 'kill -9 $PPID' TERM; echo p=$$; while :; do sleep 0.01; done`
      const task = await pool.spawn({ cmd })
      await told(task, 'p')
      await expect(end(task)).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
      await expectOrphanCanBeEnded(pool)
    },
  )
})
