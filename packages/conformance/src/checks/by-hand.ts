import assert from 'node:assert/strict'
import { decode as otherDecode } from '@msgpack/msgpack'
import { assertHas } from '../assert-has.js'
import { type Check, core, full } from '../check.js'
import type { RawClient } from '../client.js'
import { SLEEP } from '../spec.js'

/**
 * The requests of docs/wire.md, byte for byte, and their ids. The checks here share no encoder, decoder or schema with
 * what they hold to the documents.
 */
const REQUESTS = {
  hello: [0, '940000a568656c6c6f9182a870726f746f636f6c01a8736f667477617265ab6578616d706c652f312e30'],
  getInfo: [7, '940007a7676574496e666f90'],
  applyMeta: [9, '940009a96170706c794d6574619181a5706174636882a870726f677265737381a4646f6e6503a46e616d65c0'],
  kill: [10, '94000aa46b696c6c9181aa6b696c6c5369676e616ca6534947494e54'],
  restart: [11, '94000ba77265737461727490'],
  stop: [12, '94000ca473746f709181a573746570739182aa6b696c6c5369676e616ca75349475445524da6776169744d73cd1388'],
  terminate: [13, '94000da97465726d696e61746590'],
  readStream: [14, '94000eaa7265616453747265616d9183a873747265616d496401a466726f6d00a6776169744d73cd4e20'],
  discardStream: [15, '94000fad6469736361726453747265616d9182a873747265616d496401a47570546f02'],
  readOrder: [16, '940010a9726561644f726465729181a466726f6d00'],
  writeStream: [17, '940011ab777269746553747265616d9182a873747265616d496400a464617461c4047965730a'],
  closeStream: [18, '940012ab636c6f736553747265616d9181a873747265616d496400'],
  waitExit: [19, '940013a877616974457869749181a6776169744d73cd4e20'],
  subscribe: [20, '940014a973756273637269626590'],
} as const

export const byHandChecks: readonly Check[] = [
  core(
    'the example requests of the documents are answered as documented: output and ends',
    'W-1 W-50 W-110',
    async (bench) => {
      const raw = bench.raw(
        await bench.task({ cmd: "trap '' INT; trap 'exit 5' TERM; echo hi; while :; do sleep 0.05; done" }),
      )
      const { data, ...read } = (await ask(raw, 'readStream')) as { data: Uint8Array }
      assert.equal(Buffer.from(data).toString(), 'hi\n', 'data of readStream')
      assertHas(read, { offset: 0, eof: false, endOffset: 3 }, 'the result of readStream')
      assertHas(
        await ask(raw, 'getInfo'),
        { state: 'running', run: 1, exitStatus: null, protocol: 1 },
        'the result of getInfo',
      )
      assertHas(await ask(raw, 'kill'), { delivered: true }, 'the result of kill')
      const stopped = await ask(raw, 'stop')
      assertHas(stopped.exitStatus, { exitCode: 5, signal: null, cause: 'stopped' }, 'exitStatus of stop')
      assert.deepEqual(stopped.survivors, [], 'survivors of stop')
      assertHas((await ask(raw, 'terminate')).exitStatus, { exitCode: 5, cause: 'stopped' }, 'exitStatus of terminate')
      await raw.closed()
    },
  ),

  full(
    'the example requests of the documents are answered as documented: all others',
    'W-1 W-40 W-60 W-130 W-140 W-160',
    async (bench) => {
      const raw = bench.raw(await bench.task({ cmd: 'read line; echo hi; cat', meta: { name: 'x', kept: true } }))
      assertHas(await ask(raw, 'hello'), { protocol: 1 }, 'the result of hello')
      assertHas(await ask(raw, 'subscribe'), { state: 'running', run: 1 }, 'the result of subscribe')
      assert.deepEqual(await ask(raw, 'applyMeta'), { kept: true, progress: { done: 3 } }, 'the result of applyMeta')
      assertHas(await ask(raw, 'restart'), { restarted: false, run: 1 }, 'the result of restart while the child runs')
      assertHas(await ask(raw, 'writeStream'), { acceptedOffset: 4 }, 'the result of writeStream')
      assertHas(await ask(raw, 'readStream'), { offset: 0, endOffset: 3 }, 'the result of readStream')
      const order = (await ask(raw, 'readOrder')) as { chunks: [number, number, number, number][] }
      assertHas(order, { seq: 0, endSeq: 1, eof: false }, 'the result of readOrder')
      assert.deepEqual(
        order.chunks.map((chunk) => chunk.slice(0, 3)),
        [[1, 0, 3]],
        'chunks of readOrder',
      )
      assertHas(await ask(raw, 'discardStream'), { firstOffset: 2, endOffset: 3 }, 'the result of discardStream')
      assert.deepEqual(await ask(raw, 'closeStream'), {}, 'the result of closeStream')
      const exit = await ask(raw, 'waitExit')
      assertHas(exit, { done: true, run: 1, state: 'exited' }, 'the result of waitExit')
      assertHas(exit.exitStatus, { exitCode: 0, signal: null, cause: 'exit' }, 'exitStatus of waitExit')
      assertHas(await ask(raw, 'restart'), { restarted: true, run: 2 }, 'the result of restart')
    },
  ),

  core('an error is a map of strings', 'W-20', async (bench) => {
    const raw = bench.raw(await bench.task({ exec: SLEEP }))
    // [0, 1, "fly", []]
    raw.socket.write(Buffer.from('940001a3666c7990', 'hex'))
    const [type, id, error, result] = otherDecode(await raw.bytes()) as [
      number,
      number,
      Record<string, unknown>,
      unknown,
    ]
    assert.deepEqual([type, id, result], [1, 1, null], 'type, id and result')
    assert.equal(error.code, 'ERR_BGTASK_UNSUPPORTED', 'code')
    assert.equal(typeof error.message, 'string', 'type of message')
  }),
]

/** Sends the documents' request and waits for its response; events in between are passed over. */
async function ask(raw: RawClient, method: keyof typeof REQUESTS): Promise<Record<string, unknown>> {
  const [id, hex] = REQUESTS[method]
  raw.socket.write(Buffer.from(hex, 'hex'))
  for (;;) {
    const message = otherDecode(await raw.bytes()) as unknown[]
    if (message[0] === 2) continue
    const [type, answered, error, result] = message
    assert.deepEqual([type, answered, error], [1, id, null], `type, id and error of the response to ${method}`)
    return result as Record<string, unknown>
  }
}
