import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Task } from '@bgtask/client'
import { socketFileName } from '@bgtask/protocol'
import { isAlive, runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { collect, customTask } from './support/tasks.js'

test('info is passed on as it is, with what it has more and what it lacks', async () => {
  const info = { a: 1, meta: { name: 'CoolProgram' }, c: [1, 2, 3] }
  const task = await customTask({ getInfo: () => info })
  expect(await task.info()).toEqual(info)
  await expect(task.stdout.info()).rejects.toMatchObject({
    code: 'ERR_BGTASK_PROTOCOL',
    message: expect.stringContaining('streams.1'),
  })
})

test('keys of info that would pollute an object are plain keys', async () => {
  const task = await customTask({ getInfo: () => JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') })
  const info = await task.info()
  expect(Object.keys(info)).toEqual(['__proto__', 'a'])
  expect((info as { polluted?: boolean }).polluted).toBeUndefined()
})

test('a method that the supervisor lacks is told by name', async () => {
  const task = await customTask({})
  await expect(task.wait()).rejects.toMatchObject({ code: 'ERR_BGTASK_UNSUPPORTED', method: 'waitExit' })
  await expect(task.stdout.read()).rejects.toMatchObject({ code: 'ERR_BGTASK_UNSUPPORTED', method: 'readStream' })
  await expect(task.stdout.discard()).rejects.toMatchObject({ code: 'ERR_BGTASK_UNSUPPORTED', method: 'discardStream' })
})

test('what a supervisor says of itself comes back with its own code', async () => {
  const failure = Object.assign(new Error('no more coffee'), { code: 'ETEAPOT' })
  const task = await customTask({ restart: () => Promise.reject(failure) })
  await expect(task.restart()).rejects.toMatchObject({
    code: 'ERR_BGTASK_REMOTE',
    remoteCode: 'ETEAPOT',
    message: 'no more coffee',
  })
})

test.each([
  ['an info that is no map', { getInfo: () => [1] }, 'info'],
  ['a signal of which nobody knows whether it arrived', { kill: () => ({ delivered: 1 }) }, 'kill'],
  ['no answer to speak of', { restart: () => null }, 'restart'],
  ['bytes that are none', { readStream: () => ({ offset: 0, data: 'text', eof: false, endOffset: 4 }) }, 'readOnce'],
  [
    'an offset that is none',
    { readStream: () => ({ offset: -1, data: Buffer.from(''), eof: true, endOffset: 4 }) },
    'readOnce',
  ],
  [
    'bytes from before what was asked for',
    { readStream: () => ({ offset: 1, data: Buffer.from('x'), eof: false, endOffset: 4 }) },
    'follow',
  ],
  ['an end without a status', { waitExit: () => ({ done: true, run: 1, state: 'exited', exitStatus: null }) }, 'wait'],
] as const)('a result that breaks the contract is an error of the protocol: %s', async (_, methods, call) => {
  const task = await customTask(methods as never)
  const calls = {
    info: () => task.info(),
    kill: () => task.kill(),
    restart: () => task.restart(),
    readOnce: () => task.stdout.read(),
    follow: () => collect(task.stdout.follow({ from: 3 })),
    wait: () => task.wait(),
  }
  await expect(calls[call]()).rejects.toMatchObject({ code: 'ERR_BGTASK_PROTOCOL' })
})

test('a supervisor that does not hold long polls is found out instead of being asked without end', async () => {
  let calls = 0
  const empty = { data: Buffer.alloc(0), offset: 0, endOffset: 0, eof: false }
  const task = await customTask({
    readStream: () => {
      calls += 1
      return empty
    },
    readOrder: () => ({ seq: 0, chunks: [], endSeq: 0, eof: false }),
    waitExit: () => ({ done: false, run: 1, state: 'running', exitStatus: null }),
  })
  const unsupported = (method: string) => ({ code: 'ERR_BGTASK_UNSUPPORTED', method })
  await expect(collect(task.stdout.follow())).rejects.toMatchObject(unsupported('readStream'))
  expect(calls).toBeLessThanOrEqual(10)
  await expect(task.stdout.waitFor('x')).rejects.toMatchObject(unsupported('readStream'))
  await expect(collect(task.output.follow())).rejects.toMatchObject(unsupported('readOrder'))
  await expect(task.wait()).rejects.toMatchObject(unsupported('waitExit'))
})

test('bytes that were read are not lost because the supervisor goes before it forgot them', async () => {
  const task = await customTask({
    readStream: () => ({ offset: 0, data: Buffer.from('last words'), eof: true, endOffset: 10 }),
    discardStream: (_, peer) => {
      peer.close()
    },
  })
  expect((await task.stdout.read({ discard: true })).data.toString()).toBe('last words')
})

test('a supervisor that ends without a reply to terminate is gone, with an unknown outcome', async () => {
  const task = await customTask({
    terminate: (_, peer) => {
      peer.close()
    },
  })
  await expect(task.terminateSupervisor()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE' })
})

test('a supervisor that closes its connections before its process ends is gone when terminateSupervisor resolves', async () => {
  const directory = tempDir()
  const program = runNode(join(import.meta.dirname, 'fixtures/slow-exit.js'), [directory])
  const pid = program.pid as number
  await once(program.stdout as Readable, 'data')
  await Task.at(join(directory, socketFileName(pid))).terminateSupervisor()
  expect(isAlive(pid)).toBe(false)
})

test('a supervisor that stays connected though it terminated is not waited for without end', async () => {
  const task = await customTask({ terminate: () => ({ exitStatus: null, survivors: [] }) })
  await expect(task.terminateSupervisor({ timeoutMs: 20 })).rejects.toMatchObject({ code: 'ERR_BGTASK_TIMEOUT' })
})

test('a connection that is closed by the caller ends what waits on it, and the next call connects anew', async () => {
  const task = await customTask({ waitExit: () => new Promise(() => {}), getInfo: () => ({ fine: true }) })
  const waiting = expect(task.wait()).rejects.toMatchObject({ code: 'ERR_BGTASK_TASK_GONE', message: /disconnected/ })
  await task.info()
  task.disconnect()
  await waiting
  expect(await task.info()).toEqual({ fine: true })
  await task[Symbol.asyncDispose]()
})

test('an abort of one call leaves the others alone, even while they connect together', async () => {
  const task = await customTask({ getInfo: () => ({ fine: true }) })
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = expect(task.info({ signal: controller.signal })).rejects.toBe(reason)
  const other = task.info()
  controller.abort(reason)
  await aborted
  expect(await other).toEqual({ fine: true })
})
