import { expect, test } from 'vitest'
import { type CustomMethods, customTask } from './support/tasks.js'

const OURS = '0123456789abcdef'
const OTHER = 'fedcba9876543210'

/** A handle of one task, on the socket of a supervisor of whatever make. */
async function boundTask(methods: CustomMethods) {
  const killed: unknown[] = []
  const kill = (params: unknown) => {
    killed.push(params)
    return { delivered: true }
  }
  const task = (await customTask({ kill, ...methods })).bind(OURS)
  return { task, killed }
}

test('the task is named ahead of the first call of each connection, and nobody waits for the answer', async () => {
  const called: unknown[] = []
  const { task } = await boundTask({
    hello: (params) => {
      called.push(params)
      return new Promise(() => {})
    },
    getInfo: () => {
      called.push('getInfo')
      return { taskId: OURS }
    },
  })
  await task.info()
  await task.info()
  task.disconnect()
  await task.info()
  const hello = { protocol: 1, taskId: OURS }
  expect(called).toEqual([hello, 'getInfo', 'getInfo', hello, 'getInfo'])
})

test('a handle that does not know its task names none until it does', async () => {
  const greeted: unknown[] = []
  const task = await customTask({ hello: (params) => greeted.push(params), getInfo: () => ({ taskId: OURS }) })
  await task.info()
  expect([greeted, task.taskId]).toEqual([[], OURS])
  task.disconnect()
  await task.info()
  expect(greeted).toEqual([{ protocol: 1, taskId: OURS }])
})

test.each([
  ['lacks hello', {}],
  ['does not say which task it has', { hello: () => ({ protocol: 1, software: 'old', methods: [] }) }],
  ['answers nonsense', { hello: () => [1, 2] }],
  ['refuses all of hello', { hello: () => Promise.reject(Object.assign(new Error('no'), { code: 'NO' })) }],
] as const)('an older supervisor that %s is talked to as ever', async (_, methods) => {
  const { task, killed } = await boundTask({ ...methods, getInfo: () => ({ taskId: OURS }) } as CustomMethods)
  expect(await task.kill()).toBe(true)
  expect(await task.info()).toMatchObject({ taskId: OURS })
  expect(killed).toHaveLength(1)
})

test('of an older supervisor the info says that it is of another task, and the connection ends', async () => {
  const { task } = await boundTask({ getInfo: () => ({ taskId: OTHER }) })
  await expect(task.info()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE', taskId: OURS })
  expect([task.taskId, task.cachedInfo]).toEqual([OURS, undefined])
})

test('a supervisor that names another task in its answer is not talked to any more', async () => {
  const { task, killed } = await boundTask({
    hello: () => ({ protocol: 1, software: 'x', methods: [], taskId: OTHER }),
    waitExit: () => new Promise(() => {}),
  })
  await expect(task.wait()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE', taskId: OURS })
  expect(killed).toEqual([])
})

test('only a refusal of this very task is one', async () => {
  const refusal = { code: 'ERR_BGTASK_TASK_GONE', message: 'gone', data: { taskId: OTHER } }
  const { task } = await boundTask({ restart: () => Promise.reject(Object.assign(new Error('gone'), refusal)) })
  await expect(task.restart()).rejects.toMatchObject({ code: 'ERR_BGTASK_REMOTE', remoteCode: refusal.code })
})
