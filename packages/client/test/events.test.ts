import { once } from 'node:events'
import type { Task } from '@bgtask/client'
import { expect, test } from 'vitest'
import { customTask, secondView, spawnTask } from './support/tasks.js'

/** Everything a task emits from now on, by name. */
function record(task: Task): [string, unknown][] {
  const events: [string, unknown][] = []
  for (const name of [
    'childStart',
    'childExit',
    'stateChange',
    'metaChange',
    'streamEof',
    'terminating',
    'missed',
  ] as const) {
    task.on(name, (payload: unknown) => events.push([name, payload]))
  }
  return events
}

test('tells what happens to the task, from the first call on that was answered', async () => {
  const task = await spawnTask({ cmd: 'read -r code; exit "$code"' })
  const events = record(task)
  const gone = once(task, 'disconnect')
  await task.info()
  const other = secondView(task)
  await other.applyMeta({ seen: true })
  await other.stdin.write('3\n')
  await other.wait()
  await other.terminateSupervisor()
  await gone
  const exitStatus = { exitCode: 3, signal: null, cause: 'exit' }
  expect(events).toContainEqual(['metaChange', { meta: { seen: true } }])
  expect(events).toContainEqual(['stateChange', { state: 'exited', run: 1 }])
  expect(events).toContainEqual([
    'childExit',
    expect.objectContaining({ run: 1, exitStatus, willRestart: false, recorded: true }),
  ])
  expect(events).toContainEqual(['streamEof', { streamId: 1, endOffset: 0 }])
  expect(events).toContainEqual(['terminating', {}])
})

test('a restart is told too', async () => {
  const task = await spawnTask({ cmd: 'read -r line' })
  const started = once(task, 'childStart')
  await task.stdin.write('\n')
  await task.wait()
  const events = record(task)
  await task.restart()
  const { pid } = await task.info()
  expect(await started).toEqual([{ run: 2, pid }])
  expect(events).toContainEqual(['stateChange', { state: 'starting', run: 2 }])
})

test('after a disconnect events come again with the next call', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const events = record(task)
  await task.info()
  task.disconnect()
  await secondView(task).applyMeta({ step: 1 })
  await task.info()
  const changed = once(task, 'metaChange')
  await secondView(task).applyMeta({ step: 2 })
  await changed
  expect(events).toEqual([['metaChange', { meta: { step: 2 } }]])
})

test('a supervisor without events is told by an error event where one listens, and never else', async () => {
  const task = await customTask({ getInfo: () => ({}) })
  task.on('childExit', () => {})
  expect(await task.info()).toMatchObject({ state: 'unknown' })
  const other = secondView(task)
  const failed = once(other, 'error')
  other.on('childExit', () => {})
  expect(await failed).toEqual([expect.objectContaining({ code: 'ERR_BGTASK_UNSUPPORTED', method: 'subscribe' })])
})

test('a listener where nothing listens does no harm', async () => {
  const task = await spawnTask({ exec: ['true'] })
  await task.terminateSupervisor()
  const failed = once(task, 'error')
  task.on('childExit', () => {})
  expect(await failed).toEqual([expect.objectContaining({ code: 'ERR_BGTASK_TASK_GONE' })])
})

test('what a supervisor makes up is not emitted', async () => {
  const task = await customTask({
    subscribe: (_, peer) => {
      peer.notify('disconnect', [{}])
      peer.notify('newListener', [{}])
      peer.notify('childExit', [{ run: 'one' }])
      peer.notify('metaChange', [])
      peer.notify('terminating', [{ more: 1 }])
      return { state: 'running', run: 1 }
    },
  })
  const events = record(task)
  await once(task, 'terminating')
  expect(events).toEqual([['terminating', { more: 1 }]])
})
