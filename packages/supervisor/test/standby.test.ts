import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { LAUNCH_VARIABLE, POOL_PATH_VARIABLE, STANDBY_VARIABLE } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import { childrenOf, eventually, isAlive, processEnv, processFds, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath } from '../src/command.js'
import { allPids, makePool, textOf } from './support/pool.js'

/** Supervisors of that pool that were started early. */
function standbysOf(pool: TaskPool): number[] {
  return allPids().filter((pid) => {
    const env = processEnv(pid)
    return env[STANDBY_VARIABLE] === '1' && env[POOL_PATH_VARIABLE] === pool.path && isAlive(pid)
  })
}

/** A pool with a standby that has tried everything out, in a temporary directory that is its own. */
async function warmPool(): Promise<{ pool: TaskPool; standby: number; temporary: string }> {
  const temporary = tempDir()
  const untouched = statSync(temporary).mtimeMs
  const pool = makePool({ standby: 1, supervisorEnv: { TMPDIR: temporary } })
  await eventually(() => statSync(temporary).mtimeMs > untouched && readdirSync(temporary).length === 0, {
    deadlineMs: 20_000,
  })
  const [standby = 0] = standbysOf(pool)
  return { pool, standby, temporary }
}

describe('a standby that has warmed up', () => {
  test('holds nothing: no child, no file, no socket of a task, nothing in the pool', async () => {
    const { pool, standby, temporary } = await warmPool()
    await eventually(() => childrenOf(standby).length === 0)
    const targets = [...processFds(standby).values()]
    expect(targets.filter((target) => target.startsWith(temporary) || target.startsWith(pool.path))).toEqual([])
    expect(targets.filter((target) => target === daemonPath())).toEqual([])
    // Its stdin and stderr. A socket of the try-out was open until the spec came.
    expect(targets.filter((target) => target.startsWith('socket:'))).toHaveLength(2)
    expect(readlinkSync(`/proc/${standby}/cwd`)).toBe('/')
    expect(readdirSync(pool.path)).toEqual([])
    await pool.close()
    await eventually(() => !isAlive(standby))
    expect(readdirSync(temporary)).toEqual([])
  })

  test('becomes the next task, with real pipes and nothing of the try-out in it', async () => {
    const { pool, standby } = await warmPool()
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
    // It makes place for the one after it.
    await eventually(() => standbysOf(pool).some((pid) => pid !== standby))
  })
})

test('a pool that closes while its standby tries things out leaves nothing of that', async () => {
  const temporary = tempDir()
  const pool = makePool({ standby: 2, supervisorEnv: { TMPDIR: temporary } })
  await eventually(() => readdirSync(temporary).length > 0, { deadlineMs: 20_000 })
  await pool.close()
  expect(standbysOf(pool)).toEqual([])
  expect(readdirSync(temporary)).toEqual([])
})
