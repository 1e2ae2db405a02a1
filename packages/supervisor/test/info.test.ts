import { Task } from '@bgtask/client'
import { eventually } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { fixture, makePool, spawnTask, supervisorCmd } from './support/pool.js'

describe('info that was asked before', () => {
  test('is the same while nothing changes', async () => {
    const task = await spawnTask({ cmd: 'sleep 600', meta: { a: 1 } })
    expect(await task.info()).toEqual(await task.info())
  })

  test.each([
    ['meta', 'read _', (task) => task.applyMeta({ b: 2 }), { meta: { b: 2 } }],
    ['what stdin took', 'read _', (task) => task.stdin.write('abc'), { streams: { 0: { acceptedOffset: 3 } } }],
    ['output', 'read _; echo a', (task) => feed(task), { streams: { 1: { endOffset: 2 } } }],
    ['output of stderr', 'read _; echo a >&2', (task) => feed(task), { streams: { 2: { endOffset: 2 } } }],
    ['the end', 'read _; exit 3', (task) => feed(task), { pid: null, state: 'exited', exitStatus: { exitCode: 3 } }],
    ['a pause', 'read _', (task) => task.pause(), { state: 'paused' }],
  ] satisfies [string, string, (task: Task) => Promise<unknown>, object][])(
    'tells of %s when it has changed',
    async (_, cmd, change, changed) => {
      const task = await spawnTask({ cmd })
      expect(await task.info()).not.toMatchObject(changed)
      await change(task)
      expect(await task.info()).toMatchObject(changed)
    },
  )

  test('tells of a client that came and of one that went', async () => {
    const task = await spawnTask({ cmd: 'sleep 600' })
    expect((await task.info()).clientCount).toBe(1)
    const other = new Task(task.taskPool, task.pid)
    expect((await other.info()).clientCount).toBe(2)
    other.disconnect()
    await eventually(async () => (await task.info()).clientCount === 1)
  })

  test('tells what a custom supervisor adds, when that changes within itself', async () => {
    const pool = makePool({ supervisorCmd: supervisorCmd(fixture('counting-supervisor.js')) })
    const task = await pool.spawn({ cmd: 'sleep 600' })
    const [first, second] = [await task.info(), await task.info()] as unknown as { counts: { asked: number } }[]
    expect(second?.counts.asked).toBeGreaterThan(first?.counts.asked as number)
  })
})

/** Lets a child go on that reads a line, and waits for its end. */
async function feed(task: Task): Promise<void> {
  await task.stdin.write('\n')
  await task.wait()
}
