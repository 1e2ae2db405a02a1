import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { Task } from '@bgtask/client'
import type { TaskPool } from '@bgtask/pool'
import { eventually } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from './support/directory.js'
import { idleProcess, recordOf, writeRecord } from './support/records.js'
import { endTask, spawnTask } from './support/tasks.js'

/** What gives a handle of a task, whose supervisor's pid is then another task's. */
type GetHandle = (pool: TaskPool, task: Task) => Promise<Task>

const HANDLES: readonly [from: string, get: GetHandle][] = [
  ['its spawn', async (_, task) => task],
  [
    'its first info',
    async (pool, { pid }) => {
      const task = new Task(pool, pid)
      await task.info()
      return task
    },
  ],
  ['a search that records answer', async (pool) => (await pool.search({ state: 'running' }))[0] as Task],
  ['a search that asks', async (pool) => (await pool.search(() => true))[0] as Task],
  ['taskByPid', async (pool, { pid }) => (await pool.taskByPid(pid)) as Task],
  ['taskById', async (pool, { taskId }) => (await pool.taskById(taskId as string)) as Task],
  [
    'a watch',
    async (pool) => {
      for await (const { task } of pool.watch()) return task
      throw new Error('the watch ended')
    },
  ],
  [
    'the environment of its child',
    async (pool, { pid, taskId }) => {
      const env = { BGTASK_TASKPOOL_PATH: pool.path, BGTASK_SUPERVISOR_PID: String(pid), BGTASK_COOKIE: taskId }
      return Task.current(env) as Task
    },
  ],
]

/** A handle of a task that has ended, and the task whose socket has that pid's name now. */
async function afterReuse(getHandle: GetHandle): Promise<{ pool: TaskPool; handle: Task; other: Task }> {
  const pool = makePool()
  const task = await spawnTask(pool)
  const handle = await getHandle(pool, task)
  onTestFinished(() => handle.disconnect())
  expect(handle.taskId).toBe(task.taskId)
  await task.terminateSupervisor({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
  handle.disconnect()
  const other = await pool.spawn({ cmd: 'exec cat', meta: { name: 'other' } })
  renameSync(pool.socketPath(other.pid), pool.socketPath(task.pid))
  const reached = Task.at(pool.socketPath(task.pid))
  onTestFinished(() => endTask(reached))
  return { pool, handle, other: reached }
}

const isGone = (handle: Task) => ({ code: 'ERR_BGTASK_TASK_GONE', taskId: handle.taskId, pid: handle.pid })

describe("a handle whose pid is another task's by now", () => {
  test.each(HANDLES)('does nothing to that one, and says that its own is gone: from %s', async (_, getHandle) => {
    const { handle, other } = await afterReuse(getHandle)
    for (const act of [
      () => handle.kill('KILL'),
      () => handle.info(),
      () => handle.stop(),
      () => handle.terminateSupervisor(),
    ]) {
      await expect(act()).rejects.toMatchObject(isGone(handle))
    }
    expect(await other.info()).toMatchObject({ state: 'running', meta: { name: 'other' } })
  })

  const CALLS: readonly [title: string, call: (task: Task) => Promise<unknown>][] = [
    ['info', (task) => task.info()],
    ['applyMeta', (task) => task.applyMeta({ name: 'changed' })],
    ['kill', (task) => task.kill('KILL')],
    ['pause', (task) => task.pause()],
    ['restart', (task) => task.restart()],
    ['stop', (task) => task.stop()],
    ['wait', (task) => task.wait()],
    ['write', (task) => task.stdin.write('text')],
    ['close', (task) => task.stdin.close()],
    ['read', (task) => task.stdout.read({ discard: true })],
    ['follow', (task) => task.stdout.follow().next()],
    ['merged follow', (task) => task.output.follow().next()],
    ['discard', (task) => task.stdout.discard()],
    ['stdout.info', (task) => task.stdout.info()],
  ]

  test('rejects every call, also those that were sent together', async () => {
    // Not the handle that ended the task: its `wait` knows the result.
    const { handle, other } = await afterReuse(async (pool, { pid }) => (await pool.taskByPid(pid)) as Task)
    for (const [title, call] of CALLS) {
      await expect(call(handle), title).rejects.toMatchObject(isGone(handle))
    }
    const together = await Promise.allSettled(CALLS.map(([, call]) => call(handle)))
    for (const [index, { status, ...outcome }] of together.entries()) {
      expect({ status, ...outcome }, CALLS[index]?.[0]).toMatchObject({ status: 'rejected', reason: isGone(handle) })
    }
    const { state, meta, streams } = await other.info()
    expect({ state, meta, stdin: streams[0].acceptedOffset, closed: streams[0].closed }).toEqual({
      state: 'running',
      meta: { name: 'other' },
      stdin: 0,
      closed: false,
    })
  })

  test('hears none of its events', async () => {
    const { handle, other } = await afterReuse(async (_, task) => task)
    const heard: unknown[] = []
    for (const name of ['metaChange', 'childExit', 'stateChange'] as const)
      handle.on(name, (event: unknown) => heard.push(event))
    const failed = once(handle, 'error').catch((error) => [error])
    expect((await failed)[0]).toMatchObject(isGone(handle))
    await other.applyMeta({ name: 'changed' })
    expect(heard).toEqual([])
  })

  test('is no obstacle to finding that one by its pid', async () => {
    const { pool, handle, other } = await afterReuse(async (_, task) => task)
    const found = await pool.taskByPid(handle.pid)
    expect(found?.taskId).toBe((await other.info()).taskId)
    found?.disconnect()
    expect(await pool.taskById(handle.taskId as string)).toBeUndefined()
  })
})

test('a watch tells that a task is gone, and of the one that has its pid then', async () => {
  const pool = makePool()
  const first = await spawnTask(pool)
  const events = pool.watch()
  expect((await events.next()).value).toMatchObject({ type: 'appear', info: { taskId: first.taskId } })
  // In another pool, so that the watch sees it under that pid alone.
  const elsewhere = makePool()
  const second = await elsewhere.spawn({ cmd: 'sleep 1000' })
  renameSync(elsewhere.socketPath(second.pid), pool.socketPath(first.pid))
  const reached = Task.at(pool.socketPath(first.pid))
  onTestFinished(() => endTask(reached))
  // Its supervisor finds another socket in its place, and leaves that.
  await endTask(first)
  const told: string[] = []
  while (told.length < 2) {
    const { value } = await events.next()
    if (value?.type !== 'change') told.push(`${value?.type} ${value?.info.taskId}`)
  }
  expect(told).toEqual([`gone ${first.taskId}`, `appear ${second.taskId}`])
  await events.return()
})

test('a handle is of one task for good', async () => {
  const pool = makePool()
  const task = await spawnTask(pool)
  expect(task.taskId).toMatch(/^[0-9a-f]{32}$/)
  expect(task.bind(task.taskId as string)).toBe(task)
  expect(() => task.bind('fedcba9876543210')).toThrow(expect.objectContaining({ code: 'ERR_BGTASK_TASK_GONE' }))
  expect(() => task.bind('no id')).toThrow(expect.objectContaining({ option: 'taskId' }))
  expect(new Task(pool, task.pid).taskId).toBeUndefined()
})

describe('taskById', () => {
  test('finds a task by its id and by its beginning, and none that is gone', async () => {
    const pool = makePool()
    const task = await spawnTask(pool, { cmd: 'sleep 1000', meta: { name: 'x' } })
    const taskId = task.taskId as string
    for (const id of [taskId, taskId.slice(0, 4), taskId.slice(0, 20)]) {
      const found = await pool.taskById(id)
      expect(found).toMatchObject({ pid: task.pid, taskId, cachedInfo: { meta: { name: 'x' } } })
      found?.disconnect()
    }
    await endTask(task)
    await eventually(async () => (await pool.taskById(taskId)) === undefined)
  })

  test('refuses a beginning that several have, and names them', async () => {
    const pool = makePool()
    const taskIds = ['abcd000000000000', 'abcd0000000000001', 'abcd100000000000']
    for (const taskId of taskIds) {
      const { pid } = await idleProcess()
      const server = createServer().listen(pool.socketPath(pid))
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      writeRecord(pool.path, recordOf(pid, { taskId }))
    }
    const ambiguous = { code: 'ERR_BGTASK_AMBIGUOUS_ID', given: 'abcd0' }
    const error = await pool.taskById('abcd0').catch((error) => error)
    expect(error).toMatchObject(ambiguous)
    expect([...error.taskIds].sort()).toEqual(taskIds.slice(0, 2))
    expect(error.message).toContain(taskIds[1])
    // A whole id is meant, even where another one begins so; nobody answers for it here.
    await expect(pool.taskById('abcd000000000000', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ERR_BGTASK_TIMEOUT',
    })
  })

  test.each([['abc'], [''], ['ABCD'], ['xyz1'], ['abcd*'], [1234], ['a'.repeat(65)]])('refuses %j', async (id) => {
    await expect(makePool().taskById(id as string)).rejects.toMatchObject({
      code: 'ERR_BGTASK_INVALID_OPTION',
      option: 'taskId',
    })
  })
})
