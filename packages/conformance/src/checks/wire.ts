import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { isPlainObject } from '@bgtask/protocol'
import { decode, encode } from '@bgtask/protocol/rpc'
import type { Bench } from '../bench.js'
import { type Check, core, full, should } from '../check.js'
import type { Client, RawClient } from '../client.js'
import { wholeFloats } from '../plain-messagepack.js'
import { KILL, SLEEP } from '../spec.js'
import { until, within } from '../waiting.js'
import { WRONG_PARAMETERS } from './wrong-parameters.js'

/** Of one with 1,000,000 bytes. */
const HALF_MESSAGE = encode([0, 1, 'writeStream', [{ streamId: 0, data: Buffer.alloc(1_000_000) }]]).subarray(0, -1)

/** 128 MiB of them. */
const MOST_HALF_MESSAGES = 134

const GET_INFO = (id: number) => [0, id, 'getInfo', []]

const messages: Check[] = [
  core('requests may come in any pieces, several at once, and with ids of 32 bits', 'W-1 W-2', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    for (const byte of encode(GET_INFO(7))) raw.send(Buffer.of(byte))
    assert.deepEqual((await raw.message()).slice(0, 3), [1, 7, null])
    const ids = [0, 0xffff_ffff, 1, 65_536]
    raw.send(...ids.map(GET_INFO))
    const responses: unknown[][] = []
    while (responses.length < ids.length) responses.push(await raw.message())
    assert.deepEqual(
      responses.map(([type, id, error]) => [type, id, error]).sort(byId),
      ids.map((id) => [1, id, null]).sort(byId),
    )
    raw.send(GET_INFO(0))
    assert.deepEqual((await raw.message()).slice(0, 3), [1, 0, null])
  }),

  core(
    'messages are plain MessagePack: integers are integers, bytes are bin',
    'W-3 W-4 W-5 W-6 W-20',
    async (bench) => {
      const client = await bench.task({
        cmd: 'printf abc; read line',
        meta: { half: 0.5, big: 2 ** 40, deep: { list: [1, null, 'ü'] } },
      })
      await client.text(/abc/)
      const raw = bench.raw(client)
      const calls: [method: string, params?: object][] = [
        ['getInfo'],
        ['readStream', { streamId: 1, from: 0 }],
        ['kill', { killSignal: 'SIGCONT' }],
        ['readStream', { streamId: 7 }],
        ['no-such-method'],
        ['stop'],
        ['getInfo'],
      ]
      for (const [id, [method, params]] of calls.entries()) {
        raw.send([0, id, method, params === undefined ? [] : [params]])
        // It refuses extension types, keys that are no strings, and integers beyond 2^53.
        const message = await raw.bytes()
        assert.deepEqual(wholeFloats(message, /\.restart\.factor$/), [], `integers in the response to ${method}`)
        const [, , error, result] = decode(message) as [number, number, unknown, unknown]
        if (error !== null) assertError(error)
        else if (method === 'readStream')
          assert.deepEqual((result as { data: unknown }).data, Buffer.from('abc'), 'data')
      }
      assert.deepEqual((await client.info()).meta, { half: 0.5, big: 2 ** 40, deep: { list: [1, null, 'ü'] } })
    },
  ),

  full('events, chunks, exits and survivors hold integers, not floats', 'W-4', async (bench) => {
    const raw = bench.raw(await bench.task({ cmd: 'trap "" TERM; echo out; read line; exec sleep 1000' }))
    const calls: [method: string, params?: object][] = [
      ['subscribe'],
      ['readOrder', { waitMs: 5_000 }],
      ['hello'],
      ['writeStream', { streamId: 0, data: Buffer.from('x') }],
      ['discardStream', { streamId: 1 }],
      ['stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 50 }] }],
      ['stop'],
      ['waitExit'],
      ['restart'],
      ['getInfo'],
    ]
    for (const [id, [method, params]] of calls.entries()) {
      raw.send([0, id, method, params === undefined ? [] : [params]])
      for (let isAnswered = false; !isAnswered; ) {
        const message = await raw.bytes()
        const [type, name] = decode(message) as [number, unknown]
        isAnswered = type === 1
        const what = isAnswered ? `the response to ${method}` : `the event ${name}`
        assert.deepEqual(wholeFloats(message, /\.restart\.factor$/), [], `floats in ${what}`)
      }
    }
  }),

  core('a response never exceeds the bounds, whatever the client asks for', 'W-7 W-111', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 2000000 /dev/zero; echo; read line' })
    const enough = 2_000_001
    for (let from = 0; from < enough; ) {
      const { data } = await client.call('readStream', { streamId: 1, from, maxBytes: 4_000_000, waitMs: 5_000 })
      assert.ok(data.length > 0 && data.length <= 512 * 1024, `${data.length} bytes of data`)
      from += data.length
    }
  }),

  core('unexpected responses and notifications are ignored', 'W-8', async (bench) => {
    const raw = bench.raw(await bench.task({ exec: SLEEP }))
    raw.send([1, 99, null, 'late'], [2, 'somethingNew', [{ a: 1 }]], [2, 'getInfo', []], GET_INFO(1))
    assert.deepEqual((await raw.message()).slice(0, 3), [1, 1, null])
  }),

  core(
    'a peer that breaks the grammar or sends too much is disconnected, without effect on others',
    'W-9',
    async (bench) => {
      await disconnects(bench, {
        'bytes that are no MessagePack': Buffer.of(0xc1),
        'a value that is no message': encode('hello'),
        'a message of type 3': encode([3, 1, 'getInfo', []]),
        'a message of type 5': encode([5, 1, 'getInfo', []]),
        'a message of type 255 and three elements': encode([255, 'getInfo', []]),
        'a message whose type is a string': encode(['0', 1, 'getInfo', []]),
        'an empty array': encode([]),
        'a request without parameters': encode([0, 1, 'getInfo']),
        'a request without a method': encode([0, 1, null, []]),
        'a request whose id is no id': encode([0, -1, 'getInfo', []]),
        'a request of five elements': encode([0, 1, 'getInfo', [], null]),
        'a request whose id has 33 bits': encode([0, 2 ** 32, 'getInfo', []]),
        'a response of three elements': encode([1, 1, null]),
        'a notification of two elements': encode([2, 'getInfo']),
        'a notification without a name': encode([2, 1, []]),
        'a request whose method is bytes': encode([0, 1, Buffer.from('getInfo'), []]),
        HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
        'a message of more than 1 MiB': Buffer.concat([
          Buffer.from('940001a767657449', 'hex'),
          Buffer.from('6e666f91c600200000', 'hex'),
          Buffer.alloc(2_097_152),
        ]),
      })
    },
  ),

  full('a peer is disconnected as soon as a header exceeds the bounds', 'W-10', async (bench) => {
    const call = (params: string) =>
      Buffer.concat([Buffer.from('940001a7', 'hex'), Buffer.from('getInfo'), Buffer.from(params, 'hex')])
    await disconnects(bench, {
      'an extension type': call('91d40000'),
      'a timestamp': call('91d6ff00000000'),
      'a key that is no string': call('918101c0'),
      'an integer of more than 53 bits': call('91cf0020000000000000'),
      'an integer of less than -53 bits': call('91d3ffe0000000000000'),
      'more than 32 levels': call('91'.repeat(32)),
      'an array of 2^32 - 1 items': call('91ddffffffff'),
      'a map of 2^32 - 1 entries': call('91dfffffffff'),
      'bytes of 2^32 - 1': call('91c6ffffffff'),
      'a string of 2^32 - 1': call('91dbffffffff'),
      'more than 65,536 elements in all': call(`dc0101${`dc0100${'c0'.repeat(256)}`.repeat(256)}`),
    })
  }),

  should(
    full('a supervisor sends the reason before it disconnects a peer', 'W-11', async (bench) => {
      const raw = bench.raw(await bench.task({ exec: SLEEP }))
      raw.send(Buffer.of(0xc1))
      const [type, name, params] = await raw.message()
      assert.deepEqual([type, name], [2, 'error'])
      assertError((params as unknown[])[0])
      await raw.closed()
    }),
  ),

  core('a client may disconnect in the middle of a message, or with calls in flight', 'W-12', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    for (const bytes of [
      encode(GET_INFO(1)).subarray(0, 5),
      encode([0, 1, 'readStream', [{ streamId: 1, waitMs: 60_000 }]]),
      Buffer.concat([1, 2, 3, 4].map((id) => encode(GET_INFO(id)))),
    ]) {
      const raw = bench.raw(client)
      raw.send(bytes)
      await client.info()
      raw.socket.destroy()
      await raw.closed()
    }
    assert.equal((await client.info()).state, 'running')
  }),

  core('a stop and a terminate continue after their client has disconnected', 'W-12', async (bench) => {
    const cmd = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
    const steps = [{ killSignal: 'SIGTERM', waitMs: 300 }, ...KILL]
    const [client, gone] = await Promise.all([bench.task({ cmd }), bench.task({ cmd })])
    const other = await bench.connect((await client.info()).supervisorPid)
    await Promise.all([client.text(/ready/), gone.text(/ready/)])
    void other.call('stop', { steps })
    void gone.call('terminate', { steps })
    // Requests are begun in order, so that both are under way.
    await Promise.all([other.info(), gone.info()])
    other.close()
    gone.close()
    const { exitStatus } = await client.ended()
    assert.deepEqual([exitStatus?.signal, exitStatus?.cause], ['SIGKILL', 'stopped'], 'signal and cause')
    await client.call('terminate')
    await bench.nothingLeft('terminate')
  }),

  full('64 requests of a connection may be in flight', 'W-13', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    let answered = 0
    const poll = async () => {
      await client.call('readStream', { streamId: 1, waitMs: 30_000 })
      answered += 1
    }
    const polls = Array.from({ length: 63 }, poll)
    const { supervisorPid } = await client.info()
    assert.equal(answered, 0, 'long polls that were answered before there was anything')
    await (await bench.connect(supervisorPid)).call('stop')
    await Promise.all(polls)
  }),

  full('a client that does not read its responses does not slow down others', 'W-13', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 1000000 /dev/zero; echo written >&2; read line' })
    await client.text(/written/, 2)
    const raw = bench.raw(client)
    raw.socket.pause()
    // 100 MB in all: more than any peer should hold for it.
    const requests = Array.from({ length: 200 }, (_, id) => [
      0,
      id,
      'readStream',
      [{ streamId: 1, from: 0, maxBytes: 524_288 }],
    ])
    raw.send(...requests)
    for (let calls = 0; calls < 20; calls += 1) await within(client.info(), 'an answer to another client', 2_000)
    const { supervisorPid } = await client.info()
    const memory = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${supervisorPid}/status`, 'utf8'))
    assert.ok(Number(memory?.[1]) < 80_000, `${memory?.[0]} while 100 MB were asked for and not read`)
  }),

  full(
    'incomplete messages of all clients together are bounded, and the largest holders are disconnected',
    'W-16',
    async (bench) => {
      const client = await bench.task({ exec: SLEEP })
      const little = bench.raw(client).send(HALF_MESSAGE.subarray(0, 30_000))
      const many: RawClient[] = []
      const left = () => many.filter(({ socket }) => !socket.destroyed).length
      // A few at a time, since other checks run beside this one.
      while (many.length < MOST_HALF_MESSAGES + 10) {
        const some = Array.from({ length: 16 }, () => bench.raw(client))
        many.push(...some)
        const sent = some.map(({ socket }) => new Promise((resolve) => socket.write(HALF_MESSAGE, resolve)))
        await within(Promise.all(sent), 'the supervisor reads, or disconnects')
      }
      await until(
        () => left() <= MOST_HALF_MESSAGES,
        `${MOST_HALF_MESSAGES} clients with half messages are left at most`,
      )
      await client.info()
      assert.ok(!little.socket.destroyed, 'a client with 30,000 bytes was disconnected')
    },
  ),
]

const errors: Check[] = [
  core('an unknown method is UNSUPPORTED, and the connection stays open', 'W-21', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    for (const method of ['fly', '', 'constructor', '__proto__', 'toString', 'GetInfo', 'getInfo ']) {
      assert.equal((await client.failure(method)).code, 'ERR_BGTASK_UNSUPPORTED', `code for ${JSON.stringify(method)}`)
    }
    assert.equal((await client.info()).state, 'running')
  }),

  should(
    core('the error names an unknown method', 'W-21', async (bench) => {
      const raw = bench.raw(await bench.task({ exec: SLEEP }))
      const [, , error] = await raw.send([0, 1, 'fly', []]).message()
      assert.deepEqual((error as { data?: unknown } | null)?.data, { method: 'fly' }, 'data of the error')
    }),
  ),

  should(
    full('the error for wrong parameters is INVALID_OPTION', 'W-22', async (bench) => {
      const client = await bench.task({ exec: SLEEP })
      for (const [method, params] of WRONG_PARAMETERS) {
        const { code } = await client.failure(method, params)
        assert.equal(code, 'ERR_BGTASK_INVALID_OPTION', `code for ${method} ${JSON.stringify(params)}`)
      }
    }),
  ),

  core('unknown keys of parameters are ignored', 'W-23', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const more = { somethingNew: [1, { deep: true }] }
    await client.callAny('getInfo', more)
    await client.callAny('readStream', { streamId: 1, ...more })
    await client.callAny('kill', { killSignal: 'SIGCONT', ...more })
    await client.callAny('stop', { ...more })
  }),
]

async function disconnects(bench: Bench, cases: Record<string, Buffer>): Promise<void> {
  const client = await bench.task({ exec: SLEEP })
  for (const [what, bytes] of Object.entries(cases)) {
    const raw = bench.raw(client)
    raw.send(bytes)
    await raw.closed().catch((error) => {
      throw new Error(`${error.message}, after ${what}`)
    })
    await assertUnharmed(client, what)
  }
}

async function assertUnharmed(client: Client, what: string): Promise<void> {
  const info = await client.info().catch((error) => {
    throw new Error(`another client noticed ${what}: ${error.message}`)
  })
  assert.equal(info.state, 'running', `state after ${what}`)
}

function assertError(error: unknown): void {
  assert.ok(isPlainObject(error), `an error that is a map: ${JSON.stringify(error)}`)
  assert.equal(typeof error.code, 'string')
  assert.equal(typeof error.message, 'string')
  if (error.data !== undefined) assert.ok(isPlainObject(error.data), 'data of an error')
}

const byId = (a: unknown[], b: unknown[]) => Number(a[1]) - Number(b[1])

export const wireChecks: readonly Check[] = [...messages, ...errors]
