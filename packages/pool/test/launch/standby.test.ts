import { chmodSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TaskPool } from '@bgtask/pool'
import { eventually, processFds, processStat, reachable, reachableNode, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from '../support/directory.js'
import { spawnTask, supervisorsOf } from '../support/tasks.js'

function standbyPool(standby: number): TaskPool {
  const pool = makePool({ standby })
  onTestFinished(() => pool.close())
  return pool
}

const waiting = (pool: TaskPool, count: number) =>
  eventually(
    () => {
      const pids = supervisorsOf(pool)
      return pids.length === count ? pids : undefined
    },
    { what: `${count} supervisors` },
  )

describe('standbys', () => {
  test('are not there by default', async () => {
    const pool = standbyPool(0)
    const task = await spawnTask(pool)
    expect(supervisorsOf(pool)).toEqual([task.pid])
  })

  test('are started early, are no tasks, and leave no file', async () => {
    const pool = standbyPool(2)
    await waiting(pool, 2)
    expect(await pool.search()).toEqual([])
    expect(readdirSync(pool.path)).toEqual([])
    expect(await pool.sweep()).toEqual([])
  })

  test('take the spec of a spawn, and others come in their place', async () => {
    const pool = standbyPool(1)
    for (let count = 1; count <= 3; count++) {
      const before = await waiting(pool, count)
      const task = await spawnTask(pool, { cmd: 'sleep 1000', meta: { count } })
      expect(before).toContain(task.pid)
      expect(await task.info()).toMatchObject({ state: 'running', meta: { count } })
    }
    expect(await pool.search()).toHaveLength(3)
  })

  // Only a spawn that succeeded called for another one, so failures used them up.
  test('come in the place of one whose spawn failed', async () => {
    const pool = standbyPool(1)
    const [first] = await waiting(pool, 1)
    await expect(pool.spawn({ exec: ['/no/such/command'] })).rejects.toThrow('not found')
    const [second] = await eventually(() => {
      const pids = supervisorsOf(pool).filter((pid) => pid !== first)
      return pids.length === 1 ? pids : undefined
    })
    expect((await spawnTask(pool)).pid).toBe(second)
  })

  test('make a task that is like any other: environment, directory and session', async () => {
    const pool = standbyPool(1)
    const before = await waiting(pool, 1)
    const directory = tempDir()
    const task = await spawnTask(pool, {
      cmd: 'pwd; echo $POOL_TEST; tr "\\0" "\\n" < /proc/self/environ | grep BGTASK_LAUNCH',
      cwd: directory,
      env: { POOL_TEST: 'later than the standby' },
    })
    expect(before).toContain(task.pid)
    await task.wait()
    expect((await task.stdout.read()).data.toString()).toBe(`${directory}\nlater than the standby\n`)
    expect(processStat(task.pid)?.session).not.toBe(processStat(process.pid)?.session)
  })

  const changes: [title: string, change: (pool: TaskPool) => void][] = [
    ['another environment for supervisors', (pool) => pool.applySupervisorEnv({ POOL_TEST: 'x' })],
    [
      'another environment of the caller',
      () => {
        process.env.POOL_TEST = 'x'
        onTestFinished(() => {
          delete process.env.POOL_TEST
        })
      },
    ],
    [
      'another command',
      (pool) => {
        pool.supervisorCmd = ['/usr/bin/env', ...pool.supervisorCmd]
      },
    ],
  ]
  test.each(changes)('that do not fit a spawn with %s go, and others come', async (_, change) => {
    const pool = standbyPool(1)
    const [standby] = await waiting(pool, 1)
    change(pool)
    const first = await spawnTask(pool)
    expect(first.pid).not.toBe(standby)
    const waits = await eventually(() => {
      const others = supervisorsOf(pool).filter((pid) => pid !== first.pid)
      return others.length === 1 && !others.includes(standby as number) ? others : undefined
    })
    expect(waits).toEqual([(await spawnTask(pool)).pid])
  })

  test.each(['background', 'foreground'] as const)('do not fit a spawn in the %s, and wait on', async (behavior) => {
    const pool = standbyPool(1)
    const [standby] = await waiting(pool, 1)
    const task = await spawnTask(pool, { cmd: 'sleep 1000', behavior })
    expect(task.pid).not.toBe(standby)
    expect((await spawnTask(pool)).pid).toBe(standby)
  })

  test('that were killed meanwhile are no reason for a spawn to fail', async () => {
    const pool = standbyPool(1)
    const [standby] = await waiting(pool, 1)
    process.kill(standby as number, 'SIGKILL')
    // Its pipes are closed by the last of its threads, when the first may already be a zombie.
    await eventually(() => processFds(standby as number).size === 0)
    const task = await spawnTask(pool)
    expect(task.pid).not.toBe(standby)
    await waiting(pool, 2)
  })

  test('that die with their spec unread let a cold one have it', async () => {
    const pool = standbyPool(1)
    const [standby] = await waiting(pool, 1)
    process.kill(standby as number, 'SIGSTOP')
    const spawning = spawnTask(pool)
    // Turns of the loop in which the spec is written.
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    process.kill(standby as number, 'SIGKILL')
    expect((await spawning).pid).not.toBe(standby)
  })

  test('go when the pool is closed, and no others come', async () => {
    const pool = standbyPool(3)
    await waiting(pool, 3)
    await pool.close()
    expect(supervisorsOf(pool)).toEqual([])
    const task = await spawnTask(pool)
    expect(supervisorsOf(pool)).toEqual([task.pid])
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)('end with the process of the pool, also by %s', async (signal) => {
    const path = tempDir()
    const program = runNode(fileURLToPath(new URL('../fixtures/standby.js', import.meta.url)), [path, 'wait'])
    await eventually(() => supervisorsOf({ path }).length === 2)
    program.kill(signal)
    await program
    await eventually(() => supervisorsOf({ path }).length === 0)
    expect(readdirSync(path)).toEqual([])
  })

  // The task would run with rights that the caller has given up.
  test.runIf(process.getuid?.() === 0)('do not fit a caller that has become another user', async () => {
    const path = tempDir()
    chmodSync(path, 0o777 | 0o1000)
    const script = reachable(fileURLToPath(new URL('../fixtures/standby-user.js', import.meta.url)))
    const program = runNode(script, [path], { nodePath: reachableNode(), cwd: '/' })
    expect(JSON.parse(String((await program).stdout))).toEqual({ standbyTaken: false, uid: '23456' })
    await eventually(() => supervisorsOf({ path }).length === 0)
  })

  test('do not keep a program alive', async () => {
    const path = tempDir()
    const result = await runNode(fileURLToPath(new URL('../fixtures/standby.js', import.meta.url)), [path, 'end'])
    expect(result).toMatchObject({ exitCode: 0, stdout: 'the end' })
    await eventually(() => supervisorsOf({ path }).length === 0)
  })
})
