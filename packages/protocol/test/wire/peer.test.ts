import {
  type ErrorCode,
  InvalidOptionError,
  isBgTaskError,
  LockHeldError,
  ProtocolError,
  UnsupportedError,
} from '@bgtask/protocol'
import { decode, EncodedResult, encode, MessageScanner } from '@bgtask/protocol/rpc'
import { eventually } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { nextCallId } from '../../src/wire/calls.js'
import { peerAndSocket, peerPair, readBytes, readToEnd, withResolvers } from '../support/connection.js'

const never = new Promise<never>(() => {})
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const coded = (code: ErrorCode, fields = {}) => expect.objectContaining({ code, ...fields })

function messagesOf(bytes: Buffer): unknown[] {
  const scanner = new MessageScanner()
  scanner.push(bytes)
  const messages: unknown[] = []
  for (let message = scanner.next(); message !== undefined; message = scanner.next()) messages.push(decode(message))
  return messages
}

describe('golden bytes', () => {
  test('of a request and its response', async () => {
    const { peer, other } = await peerAndSocket()
    const result = peer.call('getInfo', [{ a: 1 }])
    expect(hex(await readBytes(other, 15))).toBe('940000a7676574496e666f9181a16101')
    other.write(Buffer.from('940100c081a26f6bc3', 'hex'))
    expect(await result).toEqual({ ok: true })
  })

  test('of a response with a result, one with an error, and one for a method that is not there', async () => {
    const { other } = await peerAndSocket({
      onRequest(method, params) {
        if (method === 'add') return (params[0] as number) + (params[1] as number)
        throw new UnsupportedError(method)
      },
    })
    other.write(Buffer.from('9400cd0102a3616464920203', 'hex'))
    expect(hex(await readBytes(other, 7))).toBe('9401cd0102c005')
    other.write(Buffer.from('940007a16d90', 'hex'))
    const error = { code: 'ERR_BGTASK_UNSUPPORTED', message: 'method m is not supported', data: { method: 'm' } }
    const reply = encode([1, 7, error, null])
    expect(hex(await readBytes(other, reply.length))).toBe(hex(reply))
  })

  test.each([0, 127, 258, 2 ** 32 - 1])(
    'of a result that was encoded before, in the response to call %i',
    async (id) => {
      const { other } = await peerAndSocket({ onRequest: () => encoded })
      const encoded = new EncodedResult({ ok: true })
      other.write(encode([0, id, 'getInfo', []]))
      const reply = encode([1, id, null, { ok: true }])
      expect(hex(await readBytes(other, reply.length))).toBe(hex(reply))
    },
  )

  test('of a notification', async () => {
    const { peer, other } = await peerAndSocket()
    expect(peer.notify('childExit', [{ run: 1 }])).toBe(true)
    expect(hex(await readBytes(other, 18))).toBe('9302a96368696c64457869749181a372756e01')
  })

  test('of what is said before a disconnect', async () => {
    const { other } = await peerAndSocket()
    other.write(Buffer.from('c1', 'hex'))
    const message = 'a message holds a value of type 0xc1, which is not plain MessagePack'
    const error = hex(encode({ code: 'ERR_BGTASK_PROTOCOL', message }))
    expect(hex(await readToEnd(other))).toBe(`9302a56572726f7291${error}`)
  })
})

describe('calls', () => {
  test('resolve with what the handler gives, at once or later', async () => {
    const { client } = await peerPair({
      onRequest: (method, params) => (method === 'later' ? Promise.resolve(params) : params),
    })
    const data = { text: 'ä', bytes: Buffer.from([0, 255]), offset: 2 ** 40, list: [null, true] }
    expect(await client.peer.call('now', [data])).toEqual([data])
    expect(await client.peer.call('later', [data])).toEqual([data])
    expect(await client.peer.call('now')).toEqual([])
  })

  test('resolve with null where the handler gives undefined', async () => {
    const { client } = await peerPair({ onRequest: () => undefined })
    expect(await client.peer.call('nothing')).toBeNull()
  })

  test('go both ways over one connection', async () => {
    const { client } = await peerPair(
      { onRequest: async (_, __, peer) => `server got ${await peer.call('ask')}` },
      { onRequest: () => 'an answer' },
    )
    expect(await client.peer.call('start')).toBe('server got an answer')
  })

  test('get the reply that is theirs, in whatever order replies come', async () => {
    const waiting = new Map<number, (value: unknown) => void>()
    const all = withResolvers<void>()
    const { client } = await peerPair({
      onRequest: (_, [n]) => {
        const { promise, resolve } = withResolvers<unknown>()
        waiting.set(n as number, resolve)
        if (waiting.size === 50) all.resolve()
        return promise
      },
    })
    const calls = Array.from({ length: 50 }, (_, n) => client.peer.call('wait', [n]))
    await all.promise
    for (const n of [...waiting.keys()].reverse()) waiting.get(n)?.(n * 2)
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, (_, n) => n * 2))
  })

  test('reject with the typed error that the handler threw, at once or later', async () => {
    const error = new LockHeldError('/tmp/x.lock', { pid: 7, kind: 'fcntl' })
    const { client } = await peerPair({
      onRequest(method) {
        if (method === 'later') return Promise.reject(error)
        throw error
      },
    })
    for (const method of ['now', 'later']) {
      const expected = coded('ERR_BGTASK_LOCK_HELD', { message: error.message, lockfile: '/tmp/x.lock' })
      await expect(client.peer.call(method)).rejects.toEqual(expected)
    }
  })

  test.each([
    ['a system error', Object.assign(new Error('no such file'), { code: 'ENOENT' }), 'ENOENT', 'no such file'],
    ['a mistake', new TypeError('x is undefined'), 'INTERNAL', 'x is undefined'],
    ['no error at all', 'oops', 'INTERNAL', 'oops'],
  ])('reject with a RemoteError where the handler threw %s', async (_, thrown, remoteCode, message) => {
    const { client } = await peerPair({ onRequest: () => Promise.reject(thrown) })
    await expect(client.peer.call('m')).rejects.toEqual(coded('ERR_BGTASK_REMOTE', { remoteCode, message }))
  })

  test('reject with UnsupportedError where the other side answers nothing', async () => {
    const { client } = await peerPair({})
    await expect(client.peer.call('m')).rejects.toEqual(coded('ERR_BGTASK_UNSUPPORTED', { method: 'm' }))
  })

  test('reject where the result cannot be sent, and the connection stays', async () => {
    const results: Record<string, unknown> = { date: { when: new Date() }, large: 'x'.repeat(2 ** 21), fine: 1 }
    const { client } = await peerPair({ onRequest: (method) => results[method] })
    await expect(client.peer.call('date')).rejects.toEqual(coded('ERR_BGTASK_REMOTE', { remoteCode: 'INTERNAL' }))
    await expect(client.peer.call('large')).rejects.toThrow('does not fit')
    expect(await client.peer.call('fine')).toBe(1)
  })

  test('reject where parameters cannot be sent or options are wrong, and the connection stays', async () => {
    const { client } = await peerPair({ onRequest: () => 1 })
    await expect(client.peer.call('m', [], null as never)).rejects.toMatchObject({ option: 'options' })
    await expect(client.peer.call('m', [], { timeOutMs: 5 } as never)).rejects.toMatchObject({ option: 'timeOutMs' })
    await expect(client.peer.call('m', [{ f: () => 1 }])).rejects.toBeInstanceOf(InvalidOptionError)
    expect(await client.peer.call('m')).toBe(1)
  })

  test('reject with TimeoutError when the time is up, and drop the late reply', async () => {
    const late = withResolvers<string>()
    const { client } = await peerPair({ onRequest: (method) => (method === 'slow' ? late.promise : 'fresh') })
    const expected = coded('ERR_BGTASK_TIMEOUT', { timeoutMs: 20, what: 'slow' })
    await expect(client.peer.call('slow', [], { timeoutMs: 20 })).rejects.toEqual(expected)
    late.resolve('late')
    expect(await client.peer.call('next')).toBe('fresh')
    expect(client.peer.closed).toBe(false)
  })

  test('reject with the reason of the signal, before and while they wait, and send nothing in the first case', async () => {
    const methods: string[] = []
    const started = withResolvers<void>()
    const { client } = await peerPair({
      onRequest(method) {
        methods.push(method)
        started.resolve()
        return never
      },
    })
    const reason = new Error('enough')
    await expect(client.peer.call('early', [], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const call = client.peer.call('late', [], { signal: controller.signal })
    await started.promise
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    expect(methods).toEqual(['late'])
  })

  test.each([-1, Number.NaN])('reject a timeoutMs of %d', async (timeoutMs) => {
    const { client } = await peerPair({ onRequest: () => 1 })
    await expect(client.peer.call('m', [], { timeoutMs })).rejects.toEqual(coded('ERR_BGTASK_INVALID_OPTION'))
  })

  test.each([Number.POSITIVE_INFINITY, 2 ** 31])(
    'wait for a reply with a timeoutMs of %d, which no timer can hold',
    async (timeoutMs) => {
      const { client } = await peerPair({ onRequest: () => Promise.resolve(1) })
      expect(await client.peer.call('m', [], { timeoutMs })).toBe(1)
    },
  )
})

test.each([
  [-1, [], 0],
  [7, [8, 9], 10],
  [2 ** 32 - 1, [], 0],
  [2 ** 32 - 2, [2 ** 32 - 1, 0, 1], 2],
])('ids: after %d, with %j in flight, comes %d', (last, inFlight, next) => {
  expect(nextCallId(last, new Set(inFlight))).toBe(next)
})

describe('notifications', () => {
  test('reach the handler in order', async () => {
    const got: unknown[] = []
    const all = withResolvers<void>()
    const { server } = await peerPair(
      {},
      {
        onNotification(method, params) {
          got.push([method, ...params])
          if (got.length === 3) all.resolve()
        },
      },
    )
    for (const n of [1, 2, 3]) server.peer.notify('event', [n])
    await all.promise
    expect(got).toEqual([
      ['event', 1],
      ['event', 2],
      ['event', 3],
    ])
  })

  test('are dropped above the bound, where the other side does not read, and flow again when it does', async () => {
    const { peer, other } = await peerAndSocket()
    other.pause()
    const params = ['x'.repeat(100_000)]
    let sent = 0
    while (peer.notify('event', params)) sent++
    expect(peer.queuedBytes).toBeGreaterThan(1024 * 1024)
    expect(peer.queuedBytes).toBeLessThan(1024 * 1024 + 200_000)
    expect(sent).toBeGreaterThan(10)
    other.resume()
    await eventually(() => peer.queuedBytes === 0)
    expect(peer.notify('event', params)).toBe(true)
  })

  test('are dropped after the close', async () => {
    const { peer } = await peerAndSocket()
    peer.close()
    expect(peer.notify('event')).toBe(false)
  })
})

describe('closing', () => {
  test('rejects what is pending on both sides and is told once', async () => {
    const started = withResolvers<void>()
    const { client, server } = await peerPair({
      onRequest: () => {
        started.resolve()
        return never
      },
    })
    const call = client.peer.call('m')
    await started.promise
    server.peer.close()
    await expect(call).rejects.toEqual(coded('ERR_BGTASK_TASK_GONE'))
    expect(await client.closed).toEqual(coded('ERR_BGTASK_TASK_GONE'))
    expect(await server.closed).toBeUndefined()
    expect([client.peer.closed, server.peer.closed]).toEqual([true, true])
    await expect(client.peer.call('m')).rejects.toEqual(coded('ERR_BGTASK_TASK_GONE'))
  })

  test('rejects pending and later calls with the error that was given', async () => {
    const { peer } = await peerAndSocket()
    const call = peer.call('m')
    const error = new ProtocolError('the reply makes no sense')
    peer.close(error)
    await expect(call).rejects.toBe(error)
    await expect(peer.call('m')).rejects.toBe(error)
  })

  test('by a handler: what was answered before in the same chunk still goes out', async () => {
    const { other } = await peerAndSocket({
      onRequest(method, _, peer) {
        if (method === 'bye') peer.close()
        return method
      },
    })
    other.write(Buffer.concat([encode([0, 1, 'hello', []]), encode([0, 2, 'bye', []]), encode([0, 3, 'more', []])]))
    expect(messagesOf(await readToEnd(other))).toEqual([[1, 1, null, 'hello']])
  })

  test('while a handler works: its result is dropped', async () => {
    const result = withResolvers<number>()
    const started = withResolvers<void>()
    const { peer, other } = await peerAndSocket({
      onRequest: () => {
        started.resolve()
        return result.promise
      },
    })
    other.write(encode([0, 1, 'm', []]))
    await started.promise
    const rest = readToEnd(other)
    peer.close()
    result.resolve(1)
    expect(await rest).toHaveLength(0)
  })
})

describe('a peer that breaks the rules is told and disconnected, and others do not notice', () => {
  test.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a number', encode(1)],
    ['a map', encode({ a: 1 })],
    ['an empty array', encode([])],
    ['an unknown type', encode([3, 'x', []])],
    ['a request without parameters', encode([0, 1, 'm'])],
    ['a request whose parameters are no array', encode([0, 1, 'm', {}])],
    ['a request with a negative id', encode([0, -1, 'm', []])],
    ['a request with an id beyond 32 bits', encode([0, 2 ** 32, 'm', []])],
    ['a request whose method is no string', encode([0, 1, 2, []])],
    ['a response without result', encode([1, 1, null])],
    ['a notification with an id', encode([2, 1, 'm', []])],
    ['an extension', Buffer.from('d40000', 'hex')],
    ['a header of 4 GiB', Buffer.from('940001c6ffffffff', 'hex')],
    ['a depth bomb', Buffer.from('91'.repeat(100_000), 'hex')],
    ['an array of 4 G items', Buffer.from('ddffffffff', 'hex')],
    ['a key that is no string', Buffer.from('940001a16d918101c0', 'hex')],
  ])('%s', async (_, bytes) => {
    const { other, closed } = await peerAndSocket({ onRequest: () => 1 })
    const { client: bystander } = await peerPair({ onRequest: () => 'fine' })
    other.write(bytes)
    const said = messagesOf(await readToEnd(other))
    const error = expect.objectContaining({ code: 'ERR_BGTASK_PROTOCOL' })
    expect(said.at(-1)).toEqual([2, 'error', [error]])
    expect(await closed).toEqual(error)
    expect(await bystander.peer.call('m')).toBe('fine')
  })

  test('the reason it was told becomes the error of its pending calls', async () => {
    const { client, server } = await peerPair({ onRequest: () => never })
    const call = client.peer.call('m')
    client.socket.write(Buffer.from('c1', 'hex'))
    await expect(call).rejects.toEqual(coded('ERR_BGTASK_PROTOCOL', { message: expect.stringContaining('0xc1') }))
    expect(await server.closed).toEqual(coded('ERR_BGTASK_PROTOCOL'))
  })

  test.each([[[]], [['words']], [[{ code: 'ERR_BGTASK_LOCK_HELD', data: [] }]], [[{ code: '__proto__' }]]])(
    'a strange reason (%j) is an error all the same',
    async (params) => {
      const { peer, other } = await peerAndSocket()
      const call = peer.call('m')
      other.write(encode([2, 'error', params]))
      await expect(call).rejects.toSatisfy((error) => isBgTaskError(error))
    },
  )

  test('a response to nothing is ignored', async () => {
    const { peer, other } = await peerAndSocket()
    other.write(encode([1, 99, null, 'nobody asked']))
    const call = peer.call('m')
    await readBytes(other, 5)
    other.write(encode([1, 0, null, 'yes']))
    expect(await call).toBe('yes')
  })

  test('keys that would pollute arrive as own properties', async () => {
    const { peer, other } = await peerAndSocket()
    const call = peer.call('m')
    await readBytes(other, 5)
    other.write(encode([1, 0, null, JSON.parse('{"__proto__":{"polluted":1}}')]))
    expect(Object.keys((await call) as object)).toEqual(['__proto__'])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('bounds', () => {
  test('no more than 64 requests are answered at a time; the rest waits and is answered', async () => {
    const finish: (() => void)[] = []
    const { client, server } = await peerPair({
      onRequest: (_, [n]) => {
        const { promise, resolve } = withResolvers<unknown>()
        finish.push(() => resolve(n))
        return promise
      },
    })
    const calls = Array.from({ length: 200 }, (_, n) => client.peer.call('wait', [n]))
    await eventually(() => server.socket.isPaused())
    expect(finish).toHaveLength(64)
    for (let n = 0; n < 200; n++) {
      await eventually(() => finish.length > n)
      finish[n]?.()
      expect(finish.length).toBeLessThanOrEqual(n + 65)
    }
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 200 }, (_, n) => n))
    await eventually(() => !server.socket.isPaused())
  })

  test('who does not read has no more requests answered, and gets every reply when it reads', async () => {
    let answered = 0
    const body = Buffer.alloc(100_000, 'x')
    const { peer, other, socket } = await peerAndSocket({
      onRequest: () => {
        answered++
        return body
      },
    })
    other.pause()
    other.write(Buffer.concat(Array.from({ length: 500 }, (_, id) => encode([0, id, 'read', []]))))
    await eventually(() => socket.isPaused())
    expect(answered).toBeLessThan(100)
    expect(peer.queuedBytes).toBeLessThan(1024 * 1024 + 2 * body.length)
    const sizes = Array.from({ length: 500 }, (_, id) => encode([1, id, null, body]).length)
    const replies = messagesOf(
      await readBytes(
        other,
        sizes.reduce((sum, size) => sum + size),
      ),
    )
    expect(replies.map((reply) => (reply as unknown[])[1])).toEqual(Array.from({ length: 500 }, (_, id) => id))
    expect(peer.closed).toBe(false)
  })

  test('who does not read is disconnected where more than the bound waits to be sent', async () => {
    const results: ((body: Buffer) => void)[] = []
    const { peer, other, closed } = await peerAndSocket({
      onRequest: () => {
        const { promise, resolve } = withResolvers<Buffer>()
        results.push(resolve)
        return promise
      },
    })
    other.pause()
    other.write(Buffer.concat(Array.from({ length: 40 }, (_, id) => encode([0, id, 'read', []]))))
    await eventually(() => results.length === 40)
    for (const resolve of results) resolve(Buffer.alloc(500_000))
    expect(await closed).toEqual(coded('ERR_BGTASK_PROTOCOL', { message: expect.stringContaining('does not read') }))
    expect(peer.closed).toBe(true)
  })

  test('a call is refused where more than the bound waits to be sent, and the connection stays', async () => {
    const { peer, other } = await peerAndSocket({ limits: { maxQueuedBytes: 2 ** 20 } })
    other.pause()
    const calls: Promise<unknown>[] = []
    const refused = withResolvers<unknown>()
    for (let n = 0; n < 30; n++) {
      const call = peer.call('write', [Buffer.alloc(100_000)])
      call.catch(refused.resolve)
      calls.push(call)
    }
    expect(await refused.promise).toEqual(coded('ERR_BGTASK_WOULD_BLOCK'))
    expect(peer.closed).toBe(false)
    peer.close()
    await Promise.allSettled(calls)
  })

  test('a notification that was dropped can be sent once the queue has drained, which is told', async () => {
    const drained = withResolvers<boolean>()
    const { peer, other } = await peerAndSocket({ onDrain: (peer) => drained.resolve(peer.notify('late')) })
    other.pause()
    let sent = 0
    while (peer.notify('event', [Buffer.alloc(100_000)])) sent += 1
    expect(sent).toBeGreaterThan(10)
    other.resume()
    expect(await drained.promise).toBe(true)
  })

  test('a client whose own calls fill the queue still reads the replies', async () => {
    const { client } = await peerPair({ onRequest: (_, [bytes]) => bytes })
    const calls = Array.from({ length: 30 }, (_, n) => client.peer.call('echo', [Buffer.alloc(300_000, n)]))
    const lengths = (await Promise.all(calls)).map((bytes) => (bytes as Buffer).length)
    expect(lengths).toEqual(Array(30).fill(300_000))
  })
})
