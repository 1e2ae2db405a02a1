import { readdirSync, readlinkSync } from 'node:fs'
import { LAUNCH_VARIABLE, POOL_PATH_VARIABLE, STANDBY_VARIABLE } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import { allPids, childrenOf, eventually, isAlive, processEnv, processFds, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath } from '../src/command.js'
import { makePool, textOf } from './support/pool.js'

/** Supervisors of that pool that were started early. */
function standbysOf(pool: TaskPool): number[] {
  return allPids().filter((pid) => {
    const env = processEnv(pid)
    return env[STANDBY_VARIABLE] === '1' && env[POOL_PATH_VARIABLE] === pool.path && isAlive(pid)
  })
}

/** A pool with a standby that waits for its spec: it changes its directory right before. */
async function poolWithStandby(): Promise<{ pool: TaskPool; standby: number; temporary: string }> {
  const temporary = tempDir()
  const pool = makePool({ standby: 1, supervisorEnv: { TMPDIR: temporary } })
  const waits = () => standbysOf(pool).some((pid) => readlinkSync(`/proc/${pid}/cwd`) === '/')
  await eventually(waits, { deadlineMs: 20_000 })
  const [standby = 0] = standbysOf(pool)
  return { pool, standby, temporary }
}

describe('a standby', () => {
  test('holds nothing: no child, no file, no socket of a task, nothing in the pool', async () => {
    const { pool, standby, temporary } = await poolWithStandby()
    expect(childrenOf(standby)).toEqual([])
    const targets = [...processFds(standby).values()]
    expect(targets.filter((target) => target.startsWith(temporary) || target.startsWith(pool.path))).toEqual([])
    await eventually(() => ![...processFds(standby).values()].includes(daemonPath()))
    // Its stdin and stderr.
    expect(targets.filter((target) => target.startsWith('socket:'))).toHaveLength(2)
    expect(readdirSync(pool.path)).toEqual([])
    await pool.close()
    await eventually(() => !isAlive(standby))
    expect(readdirSync(temporary)).toEqual([])
  })

  test('becomes the next task, with real pipes and without the variables of its launch', async () => {
    const { pool, standby } = await poolWithStandby()
    const task = await pool.spawn({ cmd: 'echo a > /dev/stdout; env; ls /proc/$$/fd | xargs; read _' })
    expect(task.pid).toBe(standby)
    expect(await task.info()).toMatchObject({ run: 1, restarts: 0, stdio: 'pipe', clientCount: 1 })
    await task.stdout.waitFor('0 1 2\n')
    const output = await textOf(task)
    expect(output).toMatch(/^a\n/)
    expect(output).not.toContain(STANDBY_VARIABLE)
    expect(output).not.toContain(LAUNCH_VARIABLE)
    await task.stdin.write('\n')
    expect(await task.wait()).toMatchObject({ exitCode: 0, run: 1 })
    // The pool replaces it.
    await eventually(() => standbysOf(pool).some((pid) => pid !== standby))
  })
})
