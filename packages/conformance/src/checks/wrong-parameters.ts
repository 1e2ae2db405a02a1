import assert from 'node:assert/strict'
import { once } from 'node:events'
import { encode } from '@bgtask/protocol/rpc'
import { type Check, core, full } from '../check.js'
import { SLEEP } from '../spec.js'
import { within } from '../waiting.js'

const KILL_STEP = { killSignal: 'SIGKILL', waitMs: 1 }

/** Each would do something, or harm, if it were taken for what it resembles. */
export const WRONG_PARAMETERS: readonly [method: string, params: unknown][] = [
  ['kill', {}],
  ['kill', { killSignal: 'SIGNOPE' }],
  ['kill', { killSignal: '9' }],
  ['kill', { killSignal: 9 }],
  ['kill', { killSignal: 'KILL' }],
  ['stop', { steps: [] }],
  ['stop', { steps: [{ ...KILL_STEP, waitMs: -1 }] }],
  ['stop', { steps: [{ ...KILL_STEP, waitMs: 2 ** 31 }] }],
  ['stop', { steps: Array.from({ length: 33 }, () => KILL_STEP) }],
  ['stop', { steps: 'SIGKILL' }],
  ['terminate', { steps: [{ killSignal: 'SIGNOPE', waitMs: 1 }] }],
  ['readStream', {}],
  ['readStream', { streamId: 0 }],
  ['readStream', { streamId: 3 }],
  ['readStream', { streamId: 1, from: -1 }],
  ['readStream', { streamId: 1, from: 'start' }],
  ['readStream', { streamId: 1, maxBytes: -1 }],
  ['readStream', { streamId: 1, waitMs: 60_001 }],
  ['readStream', { streamId: 1, waitMs: -1 }],
  ['readStream', 'stdout'],
]

const OF_OTHERS: typeof WRONG_PARAMETERS = [
  ['kill', { killSignal: 'SIGKILL', tree: 'yes' }],
  ['hello', { protocol: 'one' }],
  ['hello', { software: 1 }],
  ['hello', { taskId: 1 }],
  ['applyMeta', {}],
  ['applyMeta', { patch: [] }],
  ['applyMeta', { patch: { bytes: Buffer.from('x') } }],
  ['readStream', { streamId: 1, discard: 'yes' }],
  ['discardStream', {}],
  ['discardStream', { streamId: 0 }],
  ['discardStream', { streamId: 1, upTo: -1 }],
  ['readOrder', { from: -1 }],
  ['readOrder', { maxChunks: 0 }],
  ['readOrder', { maxChunks: 4_097 }],
  ['readOrder', { waitMs: 60_001 }],
  ['writeStream', { streamId: 0 }],
  ['writeStream', { streamId: 1, data: Buffer.from('x') }],
  ['writeStream', { streamId: 0, data: 5 }],
  ['writeStream', { streamId: 0, data: Buffer.from('x'), wait: 1 }],
  ['closeStream', {}],
  ['closeStream', { streamId: 3 }],
  ['closeStream', { streamId: 0, immediate: 1 }],
  ['waitExit', { run: 0 }],
  ['waitExit', { waitMs: 60_001 }],
]

export const wrongParameterChecks: readonly Check[] = [
  core('wrong parameters are rejected without effect, and the connection stays open', 'W-22', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    for (const [method, params] of WRONG_PARAMETERS) await client.failure(method, params)
    assert.equal((await client.info()).state, 'running', 'state')
  }),

  full('wrong parameters of the optional methods are rejected without effect', 'W-22', async (bench) => {
    const client = await bench.task({ cmd: 'printf 0123; exec sleep 1000', meta: { kept: true } })
    await client.text(/3/)
    for (const [method, params] of OF_OTHERS) await client.failure(method, params)
    const { state, meta, streams } = await client.info()
    assert.deepEqual(
      [state, meta, streams[0].acceptedOffset, streams[0].closed, streams[1].firstOffset],
      ['running', { kept: true }, 0, false, 0],
      'state, meta, acceptedOffset, closed and firstOffset',
    )
  }),

  core('unknown keys are ignored in the steps of a stop', 'W-23', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { exitStatus } = (await client.callAny('stop', {
      steps: [{ ...KILL_STEP, waitMs: 5_000, future: [1] }],
    })) as {
      exitStatus: { signal: string }
    }
    assert.equal(exitStatus.signal, 'SIGKILL', 'signal')
  }),

  full('messages up to the bounds are accepted', 'W-10', async (bench) => {
    const raw = bench.raw(await bench.task({ exec: SLEEP }))
    const accepted: Record<string, Buffer> = {
      '32 levels': Buffer.from(`940001a7${Buffer.from('getInfo').toString('hex')}${'91'.repeat(30)}90`, 'hex'),
      'an integer of 2^53 - 1': encode([0, 1, 'getInfo', [{ future: 2 ** 53 - 1, past: 1 - 2 ** 53 }]]),
      '60,000 elements': encode([0, 1, 'getInfo', [{ future: Array.from({ length: 60_000 }, () => null) }]]),
    }
    for (const [what, bytes] of Object.entries(accepted)) {
      raw.send(bytes)
      const [type, id] = await raw.message().catch((error) => {
        throw new Error(`${error.message}, after a request with ${what}`)
      })
      assert.deepEqual([type, id], [1, 1], `type and id of the response to a request with ${what}`)
    }
  }),

  full('requests that were sent before a half-close are executed', 'W-15', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const raw = bench.raw(client)
    const { supervisorPid } = await client.info()
    // A supervisor that is stopped finds request and end at the same time.
    process.kill(supervisorPid, 'SIGSTOP')
    raw.socket.end(encode([0, 1, 'applyMeta', [{ patch: { half: 'closed' } }]]))
    await within(once(raw.socket, 'finish'), 'the request and the end are sent')
    process.kill(supervisorPid, 'SIGCONT')
    await raw.closed()
    assert.deepEqual((await client.info()).meta, { half: 'closed' }, 'meta after a patch of a half-closed connection')
  }),
]
