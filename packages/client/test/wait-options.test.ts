import { createServer } from 'node:net'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WAITING_CALLS } from './support/calls.js'

/** Loops and streams end by their signal alone. */
const FOLLOWERS: Record<string, (task: Task, signal: AbortSignal) => Promise<unknown>> = {
  'stdout.follow': (task, signal) => task.stdout.follow({ signal }).next(),
  'stdout.lines': (task, signal) => task.stdout.lines({ signal }).next(),
  'stdout.readable': async (task, signal) => task.stdout.readable({ signal }).getReader().read(),
  'output.follow': (task, signal) => task.output.follow({ signal }).next(),
}

/** A supervisor that accepts connections and never says a word. */
async function silentTask(): Promise<Task> {
  const path = join(tempDir(), '1.sock')
  const server = createServer((socket) => void onTestFinished(() => void socket.destroy()))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const task = Task.at(path)
  onTestFinished(() => {
    task.disconnect()
    server.close()
  })
  return task
}

describe.for(Object.entries(WAITING_CALLS))('%s', ([, call]) => {
  test('ends with its deadline', async () => {
    const task = await silentTask()
    await expect(call(task, { timeoutMs: 10 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT', timeoutMs: 10 })
  })

  test('rejects with the reason of an abort, before and while it waits', async () => {
    const task = await silentTask()
    await expect(call(task, { signal: AbortSignal.abort('before') })).rejects.toBe('before')
    const controller = new AbortController()
    const waits = call(task, { signal: controller.signal })
    await task.connect()
    controller.abort('meanwhile')
    await expect(waits).rejects.toBe('meanwhile')
  })

  test('names a wrong signal and a wrong timeoutMs', async () => {
    const task = await silentTask()
    const invalid = (option: string, got: unknown) => ({ code: 'ERR_BGTASK_INVALID_OPTION', option, got })
    await expect(call(task, { signal: 'SIGINT' as never })).rejects.toMatchObject(invalid('signal', 'SIGINT'))
    await expect(call(task, { timeoutMs: -1 })).rejects.toMatchObject(invalid('timeoutMs', -1))
  })
})

describe.for(Object.entries(FOLLOWERS))('%s', ([, follow]) => {
  test('rejects with the reason of an abort, before and while it waits', async () => {
    const task = await silentTask()
    await expect(follow(task, AbortSignal.abort('before'))).rejects.toBe('before')
    const controller = new AbortController()
    const waits = follow(task, controller.signal)
    await task.connect()
    controller.abort('meanwhile')
    await expect(waits).rejects.toBe('meanwhile')
  })

  test('names a signal that is none', async () => {
    const task = await silentTask()
    await expect(follow(task, 'SIGINT' as never)).rejects.toMatchObject({ option: 'signal', got: 'SIGINT' })
  })
})
