import type { TaskEvents } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import { needs } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { deleteDirectory, forbidden, fullDirectory, SOMEBODY } from './support/broken-directory.js'
import { endAfterTest, logOf, makePool, recordOf } from './support/pool.js'

describe('an exit that cannot be recorded is announced all the same', () => {
  test.runIf(needs('root', 'setpriv')).each([
    ['a directory that may not be written any more', forbidden],
    ['a full file system', (pool: TaskPool) => fullDirectory(pool.path)],
    ['a directory that was deleted', (pool: TaskPool) => deleteDirectory(pool.path)],
  ])('%s', async (_, breakIt) => {
    const pool = makePool({ access: { owners: [SOMEBODY] } })
    const broken = await breakIt(pool)
    const task = endAfterTest(await pool.spawn({ cmd: 'read line; exit 4', meta: { was: 'there' } }))
    const exits: TaskEvents['childExit'][] = []
    task.on('childExit', (event) => exits.push([event] as never))
    await task.info()
    await broken.begin()
    await task.stdin.write('\n')
    expect(await task.wait()).toMatchObject({ exitCode: 4 })
    expect(await task.info()).toMatchObject({ state: 'exited', exitStatus: { exitCode: 4 } })
    expect(exits).toMatchObject([[{ recorded: false, exitStatus: { exitCode: 4 } }]])

    // Meta that would not outlive the supervisor is not taken.
    await expect(task.applyMeta({ was: 'lost' })).rejects.toMatchObject({ remoteCode: 'NOT_RECORDED' })
    expect((await task.info()).meta).toEqual({ was: 'there' })
    // The task can be used on, and ended.
    expect(await task.restart()).toBe(true)
    expect(await task.info()).toMatchObject({ state: 'running', run: 2 })
    await expect(task.terminateSupervisor()).resolves.toMatchObject({ survivors: [] })
    broken.end()
  })

  test.runIf(needs('root'))('and is recorded when there is room again', async () => {
    const pool = makePool()
    const broken = await fullDirectory(pool.path)
    const task = await pool.spawn({ cmd: 'read line; exit 4' })
    await broken.begin()
    await task.stdin.write('\n')
    await task.wait()
    expect((await recordOf(task)).info.state).toBe('running')
    expect(logOf(task)).toBe('')
    broken.makeRoom()
    await expect
      .poll(async () => (await recordOf(task)).info, { timeout: 15_000 })
      .toMatchObject({ exitStatus: { exitCode: 4 } })
    await task.terminateSupervisor()
    broken.end()
  })
})
