import { once } from 'node:events'
import { join } from 'node:path'
import type { Task, TaskEvents } from '@bgtask/client'
import { recordFileName } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import { needs, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { deleteDirectory, forbidden, fullDirectory, SOMEBODY } from './support/broken-directory.js'
import { endAfterTest, fixture, logOf, makePool, recordOf, spawnTask } from './support/pool.js'

interface Seen {
  event: { state?: string; run: number; exitStatus?: object; exitOffsets?: object; recorded?: boolean }
  recorded: { state: string; run: number; exitStatus: object | null; exitOffsets: object | null }
}

describe('the record', () => {
  test('holds each exit and each state before anybody hears of it', async () => {
    const runs = 8
    const pool = makePool()
    const restart = { on: 'always', delayMs: 30, factor: 1, maxRestarts: runs - 1 } as const
    const cmd = '[ -e again ] || { touch again; read line; }; echo x; exit 3'
    const task = await pool.spawn({ cmd, cwd: tempDir(), restart })
    const { taskId } = await task.info()
    const args = [pool.socketPath(task.pid), join(pool.path, recordFileName(task.pid, taskId)), String(runs)]
    const watcher = runNode(fixture('watch-exits.js'), args)
    await once(watcher.stdout, 'data')
    await task.stdin.write('\n')
    const { stdout } = await watcher
    const seen: Seen[] = JSON.parse(stdout.split('\n')[1] ?? '')
    const exits = seen.filter(({ event }) => event.exitStatus !== undefined)
    expect(exits.map(({ event }) => event.run)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const { event, recorded } of exits) {
      expect(event.recorded).toBe(true)
      // The next run may have been recorded by now, but never the one that ended as if it ran on.
      if (recorded.run === event.run && recorded.state !== 'starting') {
        expect(recorded).toMatchObject({ exitStatus: event.exitStatus, exitOffsets: event.exitOffsets })
      } else {
        expect(recorded.run).toBeGreaterThanOrEqual(event.run)
      }
    }
    const last = exits.at(-1)
    expect(last?.recorded).toMatchObject({
      state: 'failed',
      run: 8,
      exitStatus: { exitCode: 3, signal: null, cause: 'exit' },
    })
    const ended = seen.filter(({ event }) => event.state === 'failed')
    expect(ended).toHaveLength(1)
    expect(ended[0]?.recorded.state).toBe('failed')
  })

  test.each([
    ['an exit', 'exit 7', undefined, { exitCode: 7, signal: null, cause: 'exit' }],
    ['a signal', 'kill -9 $$', undefined, { exitCode: null, signal: 'SIGKILL', cause: 'signal' }],
    ['a stop', 'sleep 1000', (task: Task) => task.stop(), { exitCode: null, signal: 'SIGTERM', cause: 'stopped' }],
    [
      'a kill',
      'exec sleep 1000',
      (task: Task) => task.kill('HUP'),
      { exitCode: null, signal: 'SIGHUP', cause: 'signal' },
    ],
  ])('tells %s with its cause, times and offsets', async (_, cmd, end, status) => {
    const task = await spawnTask({ cmd: `echo out; echo error >&2; ${cmd}` })
    await task.stderr.waitFor('error\n')
    await end?.(task)
    expect(await task.wait()).toEqual({ ...status, run: 1 })
    const { info, child } = await recordOf(task)
    expect(info).toMatchObject({ state: 'exited', run: 1, pid: null, exitStatus: status, exitOffsets: { 1: 4, 2: 6 } })
    expect(info.exitedAt).toBeGreaterThanOrEqual(info.startedAt ?? Number.POSITIVE_INFINITY)
    expect(child).toBeNull()
  })
})

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
