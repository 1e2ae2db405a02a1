import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Task, type TaskEvents } from '@bgtask/client'
import { UnsupportedError } from '@bgtask/protocol'
import { connectSocket, RpcPeer } from '@bgtask/protocol/rpc'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makePool } from './support/pools.js'

/** What a version of either side makes of what passes between this version's client and this version's daemon. */
interface Skew {
  request(method: string, params: object | undefined): object | undefined
  result(method: string, result: object): object
  events(name: string, payload: object): [string, object][]
}

const SAME: Skew = {
  request: (_, params) => params,
  result: (_, result) => result,
  events: (name, payload) => [[name, payload]],
}

const FUTURE = { future: { deep: [1, { er: true }] }, another: null }

/** Of a newer client, with options that the daemon does not know. */
const NEWER_CLIENT: Skew = { ...SAME, request: (_, params) => ({ ...params, ...FUTURE }) }

/** It reports more than the client knows: of itself, in each answer, and in events of its own. */
const NEWER_DAEMON: Skew = {
  ...SAME,
  // The answer of `applyMeta` is the user's map, not the contract's.
  result: (method, result) => (method === 'applyMeta' ? result : { ...result, ...FUTURE, protocol: 2 }),
  events: (name, payload) => [
    ['hibernated', FUTURE],
    [name, { ...payload, ...FUTURE }],
  ],
}

/** What came later than the first contract: methods, events, and keys of info. */
const LATER_METHODS = ['hello', 'readOrder']
const LATER_KEYS = ['createdAt', 'restart', 'exitOffsets', 'nextStartAt', 'failure', 'stdio']

const OLDER_DAEMON: Skew = {
  ...SAME,
  request: (method, params) => {
    if (LATER_METHODS.includes(method)) throw new UnsupportedError(method)
    return params
  },
  result: (method, result) => (method === 'getInfo' ? without(result, LATER_KEYS) : result),
  events: (name, payload) => (name === 'stateChange' ? [] : [[name, payload]]),
}

/** A task of the real daemon, seen through something that translates. */
async function taskThrough(skew: Skew): Promise<Task> {
  const pool = makePool()
  const { pid } = await pool.spawn({ cmd: 'while read line; do echo "got $line"; done; exit 3' })
  const path = join(tempDir(), 'proxy.sock')
  const server = createServer(async (socket) => {
    const daemon = new RpcPeer(await connectSocket(pool.socketPath(pid)), {
      onNotification: (name, [payload]) => {
        for (const [as, what] of skew.events(name, payload as object)) client.notify(as, [what])
      },
      onClose: () => client.close(),
    })
    const client = new RpcPeer(socket, {
      onRequest: async (method, [params]) => {
        const passed = skew.request(method, params as object | undefined)
        const result = await daemon.call(method, passed === undefined ? [] : [passed])
        return skew.result(method, result as object)
      },
      onClose: () => daemon.close(),
    })
  })
  await once(server.listen(path), 'listening')
  const task = Task.at(path)
  onTestFinished(async () => {
    task.disconnect()
    await new Promise((resolve) => server.close(resolve))
  })
  return task
}

describe.each([
  ['a newer client with this daemon', NEWER_CLIENT],
  ['this client with a newer daemon', NEWER_DAEMON],
  ['this client with an older daemon', OLDER_DAEMON],
])('%s', (_, skew) => {
  test('a task is read, written, restarted and ended', async () => {
    const task = await taskThrough(skew)
    const exits: TaskEvents['childExit'][0][] = []
    task.on('childExit', (event) => exits.push(event))
    expect(await task.info()).toMatchObject({ state: 'running', run: 1 })
    await task.stdin.write('one\n')
    expect(await task.stdout.waitFor('got one\n')).toBeDefined()
    expect(await task.applyMeta({ name: 'skewed' })).toEqual({ name: 'skewed' })
    expect(await task.kill('CONT')).toBe(true)
    await task.stdin.close()
    expect(await task.wait()).toMatchObject({ exitCode: 3, cause: 'exit', run: 1 })
    expect(await task.restart()).toBe(true)
    expect(exits).toMatchObject([{ run: 1, exitStatus: { exitCode: 3 }, recorded: true }])
    const { data } = await task.stdout.read({ from: 0, discard: true })
    expect(Buffer.from(data).toString()).toBe('got one\n')
    expect(await task.stop()).toMatchObject({ exitStatus: { cause: 'stopped' }, survivors: [] })
    await task.terminateSupervisor()
  })
})

test('a method that an older daemon lacks is an error with its name, and all others work', async () => {
  const task = await taskThrough(OLDER_DAEMON)
  const merged = task.output.follow()
  await expect(merged.next()).rejects.toMatchObject({ code: 'ERR_BGTASK_UNSUPPORTED', method: 'readOrder' })
  expect((await task.info()).state).toBe('running')
})

function without(map: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)))
}
