import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Task } from '@bgtask/client'
import { socketFileName } from '@bgtask/os'
import { isAlive, runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { collect, customTask } from './support/tasks.js'

test('info is passed on with what it has more; what it lacks stands for the least', async () => {
  const info = { a: 1, meta: { name: 'CoolProgram' }, c: [1, 2, 3] }
  const task = await customTask({ getInfo: () => info })
  const least = { taskId: '', pid: null, command: [], state: 'unknown', exitStatus: null, features: [] }
  expect(await task.info()).toMatchObject({ ...info, ...least, supervisorPid: task.pid })
  await expect(task.stdout.info()).rejects.toMatchObject({
    code: 'ERR_BGTASK_PROTOCOL',
    message: expect.stringContaining('streams.1'),
  })
})

test('keys of info that would pollute an object are plain keys', async () => {
  const task = await customTask({ getInfo: () => JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') })
  const info = await task.info()
  expect(Object.entries(info)).toEqual(
    expect.arrayContaining([
      ['__proto__', { polluted: true }],
      ['a', 1],
    ]),
  )
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

const EMPTY_STREAMS = {
  readStream: () => ({ offset: 0, data: Buffer.alloc(0), eof: false, endOffset: 0 }),
}

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
  [
    'bytes that end where no offset can be',
    { readStream: () => ({ offset: 2 ** 53 - 1, data: Buffer.from('xy'), eof: false, endOffset: 2 ** 53 - 1 }) },
    'readOnce',
  ],
  [
    'chunks that end where no offset can be',
    { readOrder: () => ({ seq: 0, chunks: [[1, 2 ** 53 - 1, 1, 0]], endSeq: 1, eof: false }), ...EMPTY_STREAMS },
    'followBoth',
  ],
  [
    'a signal that would act on a terminal',
    {
      waitExit: () => ({
        done: true,
        run: 1,
        state: 'exited',
        exitStatus: { exitCode: 0, signal: '\u001b[2J', cause: 'exit' },
      }),
    },
    'wait',
  ],
  ['an end without a status', { waitExit: () => ({ done: true, run: 1, state: 'exited', exitStatus: null }) }, 'wait'],
] as const)('a result that breaks the contract is an error of the protocol: %s', async (_, methods, call) => {
  const task = await customTask(methods as never)
  const calls = {
    info: () => task.info(),
    kill: () => task.kill(),
    restart: () => task.restart(),
    readOnce: () => task.stdout.read(),
    followBoth: () => collect(task.output.follow()),
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
  expect(await task.info()).toMatchObject({ fine: true })
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
  expect(await other).toMatchObject({ fine: true })
})

test.each([
  'ERR_BGTASK_TIMEOUT',
  'ERR_BGTASK_TASK_GONE',
  'ERR_BGTASK_PERMISSION',
  'ERR_BGTASK_OUTPUT_GAP',
  'ERR_BGTASK_POOL_DIR',
  'ERR_BGTASK_LAUNCH_TIMEOUT',
  'ERR_BGTASK_PLATFORM',
  'ERR_BGTASK_AMBIGUOUS_ID',
])('a supervisor that answers %s passes for nothing of the kind', async (code) => {
  const task = await customTask({ restart: () => Promise.reject(Object.assign(new Error('so it says'), { code })) })
  await expect(task.restart()).rejects.toMatchObject({
    code: 'ERR_BGTASK_REMOTE',
    remoteCode: code,
    message: 'so it says',
  })
})
