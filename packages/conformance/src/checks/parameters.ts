import assert from 'node:assert/strict'
import { type Check, core, full } from '../check.js'
import { SLEEP } from '../spec.js'
import { until } from '../waiting.js'

/** All methods of the document, and whether each key of their parameter is optional. */
const METHODS: Readonly<Record<string, 'all optional' | 'some required'>> = {
  hello: 'all optional',
  getInfo: 'all optional',
  applyMeta: 'some required',
  kill: 'some required',
  restart: 'all optional',
  stop: 'all optional',
  terminate: 'all optional',
  readStream: 'some required',
  discardStream: 'some required',
  readOrder: 'all optional',
  writeStream: 'some required',
  closeStream: 'some required',
  waitExit: 'all optional',
  subscribe: 'all optional',
}

const UNSUPPORTED = 'ERR_BGTASK_UNSUPPORTED'

export const parameterChecks: readonly Check[] = [
  core('the parameter may be omitted if none of its keys is required', 'W-22', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const last = ['restart', 'stop', 'terminate']
    const all = Object.keys(METHODS).filter((method) => METHODS[method] === 'all optional')
    for (const method of [...all.filter((name) => !last.includes(name)), ...last]) {
      const code = await client.callAny(method).then(
        () => undefined,
        (error) => error.remoteCode ?? error.code,
      )
      assert.ok(code === undefined || code === UNSUPPORTED, `${method} without a map of parameters gave ${code}`)
    }
  }),

  core('a small integer may be sent in any width', 'W-4', async (bench) => {
    const client = await bench.task({ cmd: 'printf 0123; read line' })
    await client.text(/3/)
    const raw = bench.raw(client)
    const wide = (value: number) => `cf${value.toString(16).padStart(16, '0')}`
    // [0, 7, "readStream", [{"streamId": 1, "from": 2}]] with uint64 for 7, 1 and 2.
    const name = Buffer.from('readStream').toString('hex')
    const key = (text: string) => `a${text.length.toString(16)}${Buffer.from(text).toString('hex')}`
    raw.send(Buffer.from(`9400${wide(7)}aa${name}9182${key('streamId')}${wide(1)}${key('from')}${wide(2)}`, 'hex'))
    const [type, id, error, result] = (await raw.message()) as [number, number, unknown, { data: Buffer }]
    assert.deepEqual([type, id, error], [1, 7, null], 'type, id and error of the response')
    assert.equal(Buffer.from(result.data).toString(), '23', 'data from offset 2')
  }),

  core('a message of 1 MiB and one byte is rejected', 'W-9', async (bench) => {
    const raw = bench.raw(await bench.task({ exec: SLEEP }))
    const head = Buffer.from(`940001a7${Buffer.from('getInfo').toString('hex')}91c6`, 'hex')
    const body = 1024 * 1024 + 1 - head.length - 4
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body)
    raw.send(Buffer.concat([head, length, Buffer.alloc(body)]))
    await raw.closed()
  }),

  core('a number is not a signal, and a write takes at most 256 KiB', 'W-22', async (bench) => {
    const client = await bench.task({ cmd: 'cat > /dev/null' })
    await client.failure('kill', { killSignal: 9 })
    const error = await client.failure('writeStream', { streamId: 0, data: Buffer.alloc(256 * 1024 + 1) })
    if (error.code !== UNSUPPORTED) {
      assert.equal(
        (await client.info()).streams[0]?.acceptedOffset ?? 0,
        0,
        'acceptedOffset after a write that was refused',
      )
    }
    assert.equal((await client.info()).state, 'running', 'state')
  }),

  full('hello accepts a peer of a later version, and lists every method', 'W-30 W-40', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const { protocol, methods } = await client.call('hello', { protocol: 2, software: 'conformance/later' })
    assert.equal(protocol, 1, 'protocol of the answer to hello with protocol 2')
    for (const method of Object.keys(METHODS)) {
      if (methods.includes(method)) continue
      assert.equal((await client.failure(method)).code, UNSUPPORTED, `code of ${method}, which hello does not name`)
    }
    assert.equal((await client.info()).state, 'running', 'state after hello with protocol 2')
  }),

  full('getInfo counts clients, dropped and written bytes, and has the offsets of the exit', 'W-51', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 5000 /dev/zero; head -c 3 >&2', maxReadBufSize: 1_000 })
    await until(async () => (await client.info()).streams[1].endOffset === 5_000, 'endOffset 5000 of stdout')
    const before = await client.info()
    assert.equal(before.streams[1].discarded, 4_000, 'discarded bytes of stdout')
    assert.equal(before.streams[1].firstOffset, 4_000, 'firstOffset of stdout')
    const other = await bench.connect(before.supervisorPid)
    assert.equal((await other.info()).clientCount, before.clientCount + 1, 'clientCount with a second client')
    await client.call('writeStream', { streamId: 0, data: Buffer.from('abc') })
    const { exitOffsets, streams } = await client.ended()
    assert.deepEqual(
      [streams[0].acceptedOffset, streams[0].writtenOffset],
      [3, 3],
      'accepted and written offset of stdin',
    )
    assert.deepEqual([exitOffsets?.[1], exitOffsets?.[2]], [5_000, 3], 'exitOffsets')
  }),

  full('applyMeta replaces a scalar by a map without its nils', 'W-60', async (bench) => {
    const client = await bench.task({ exec: SLEEP, meta: { a: 1, list: [{ x: null }] } })
    const merged = { a: { c: { d: 2 } }, list: [null, { y: null }] }
    const patch = { a: { b: null, c: { d: 2, e: null } }, list: [null, { y: null }] }
    assert.deepEqual(await client.call('applyMeta', { patch }), merged, 'the whole meta')
  }),

  core('a long poll from beyond the end waits for the byte at its offset', 'W-113', async (bench) => {
    const client = await bench.task({ cmd: 'printf 01234; read line; printf 56789abc; read line' })
    await client.text(/4/)
    const ahead = client.call('readStream', { streamId: 1, from: 8, waitMs: 10_000 })
    let isAnswered = false
    ahead.then(
      () => {
        isAnswered = true
      },
      () => {},
    )
    await client.info()
    assert.equal(isAnswered, false, 'a poll from offset 8 was answered when the output had 5 bytes')
    const wrote = await client.callAny('writeStream', { streamId: 0, data: Buffer.from('\n') }).then(
      () => true,
      () => false,
    )
    if (!wrote) return
    const { offset, data } = await ahead
    assert.deepEqual([offset, Buffer.from(data).toString()], [8, '89abc'], 'offset and data of the answer')
  }),

  full('readOrder has no gap in a long output', 'W-130', async (bench) => {
    const client = await bench.task({ cmd: 'head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2' })
    const { streams } = await client.ended()
    await until(async () => (await client.info()).streams[2].eof, 'eof of stderr')
    const reached = { 1: 0, 2: 0 }
    for (let from = 0; ; ) {
      const { seq, chunks, endSeq } = await client.call('readOrder', { from, maxChunks: 4_096 })
      for (const [streamId, offset, length] of chunks) {
        assert.equal(offset, reached[streamId], `offset of a chunk of stream ${streamId}`)
        reached[streamId] += length
      }
      from = seq + chunks.length
      if (from >= endSeq) break
    }
    assert.deepEqual(reached, { 1: streams[1].endOffset, 2: streams[2].endOffset }, 'bytes that the chunks cover')
  }),

  full('offsets continue after an output was closed', 'W-151', async (bench) => {
    const client = await bench.task({ cmd: 'printf kept; read line; head -c 5000 /dev/zero' })
    await client.text(/kept/)
    await client.call('closeStream', { streamId: 1 })
    await client.call('closeStream', { streamId: 0 })
    await client.ended()
    const { firstOffset, endOffset, discarded } = (await client.info()).streams[1]
    assert.equal(endOffset, 5_004, 'endOffset')
    assert.ok(firstOffset === 0 || firstOffset === 5_004, `firstOffset ${firstOffset}`)
    assert.equal(discarded, 5_000, 'discarded bytes')
  }),

  full('events report stream errors, pending restarts, and the end of a later run', 'W-180', async (bench) => {
    const restart = { on: 'failure', delayMs: 0, maxDelayMs: 0, maxRestarts: 1 } as const
    const client = await bench.task({ cmd: 'read line; exit 1', restart })
    await client.call('subscribe')
    await client.call('kill', { killSignal: 'SIGKILL' })
    assert.equal((await client.event('childExit', ({ run }) => run === 1)).willRestart, true, 'willRestart of run 1')
    await client.event('stateChange', ({ state }) => state === 'backoff')
    await client.event('childStart', ({ run }) => run === 2)
    await client.call('kill', { killSignal: 'SIGKILL' })
    assert.equal((await client.event('childExit', ({ run }) => run === 2)).willRestart, false, 'willRestart of run 2')
    const eofs = () => client.heard.filter(([name]) => name === 'streamEof').length
    await until(() => eofs() === 2, 'streamEof of both outputs after run 2')
    await client.call('restart')
    await client.call('stop')
    await until(() => eofs() === 4, 'streamEof of both outputs after a run that was started by hand')
    const deaf = await bench.task({ cmd: 'exec 0<&-; echo closed; sleep 1000' })
    await deaf.text(/closed/)
    await deaf.call('subscribe')
    const write = () => deaf.callAny('writeStream', { streamId: 0, data: Buffer.from('x') })
    await until(
      () =>
        write().then(
          () => false,
          () => true,
        ),
      'STDIN_CLOSED',
    )
    const { message } = await deaf.event('streamError', ({ streamId }) => streamId === 0)
    assert.equal(typeof message, 'string', 'message of streamError')
  }),
]
