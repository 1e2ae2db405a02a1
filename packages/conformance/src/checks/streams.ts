import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { assertHas } from '../assert-has.js'
import type { Check } from '../check.js'
import { core, full } from '../check.js'
import type { Client } from '../client.js'
import { isAlive } from '../processes.js'
import { SLEEP } from '../spec.js'
import { until } from '../waiting.js'

/** An answer "as soon as" something is so. More than a busy machine takes, and less than a supervisor that polls every few seconds. */
const MAX_DELAY_MS = 2_500

const reading: Check[] = [
  core('output is read by offset, moved into the range that is kept', 'W-110', async (bench) => {
    const client = await bench.task({ cmd: 'printf 0123456789; printf abc >&2; read line' })
    await client.text(/9/)
    await client.text(/c/, 2)
    assert.deepEqual(await read(client, {}), { offset: 0, text: '0123456789', eof: false, endOffset: 10 })
    assert.deepEqual(await read(client, { from: 4 }), { offset: 4, text: '456789', eof: false, endOffset: 10 })
    assert.deepEqual(await read(client, { from: 10 }), { offset: 10, text: '', eof: false, endOffset: 10 })
    assert.deepEqual(await read(client, { from: 1e12 }), { offset: 10, text: '', eof: false, endOffset: 10 })
    assert.deepEqual(await read(client, { streamId: 2, from: 1 }), { offset: 1, text: 'bc', eof: false, endOffset: 3 })
  }),

  core('data has at most maxBytes bytes', 'W-111', async (bench) => {
    const client = await bench.task({ cmd: 'printf 0123456789; read line' })
    await client.text(/9/)
    for (const waitMs of [0, 10_000]) {
      const expected = { offset: 3, text: '34', eof: false, endOffset: 10 }
      assert.deepEqual(await read(client, { from: 3, maxBytes: 2, waitMs }), expected, `with waitMs ${waitMs}`)
    }
  }),

  core('reading discards nothing', 'W-112', async (bench) => {
    const client = await bench.task({ cmd: 'echo once; exit 0' })
    await client.ended()
    const other = await bench.connect((await client.info()).supervisorPid)
    for (const reader of [client, other, client]) {
      assert.equal((await reader.whole()).toString(), 'once\n')
      assert.equal((await read(reader, {})).text, 'once\n')
    }
  }),

  core('a long poll answers at a byte, at the end, or when its time is up, and not before', 'W-113', async (bench) => {
    const go = bench.beside('go')
    const wait = (n: number) => `until [ -e ${go}${n} ]; do sleep 0.01; done`
    const client = await bench.task({ cmd: `${wait(1)}; printf x; ${wait(2)}` })
    const started = performance.now()
    assert.equal((await read(client, { from: 0, waitMs: 150 })).text, '')
    assert.ok(performance.now() - started >= 145, `a poll of 150 ms took ${performance.now() - started} ms`)
    let isAheadAnswered = false
    const ahead = read(client, { from: 1, waitMs: 60_000 }).finally(() => {
      isAheadAnswered = true
    })
    for (const [n, expected] of [
      [1, { offset: 0, text: 'x', eof: false, endOffset: 1 }],
      [2, { offset: 1, text: '', eof: true, endOffset: 1 }],
    ] as const) {
      let answered = false
      const poll = read(client, { from: n - 1, waitMs: 60_000 }).finally(() => {
        answered = true
      })
      await client.info()
      await new Promise(setImmediate)
      assert.equal(answered, false, 'it answered before there was anything')
      writeFileSync(`${go}${n}`, '')
      await until(() => answered, 'a long poll is answered when there is something')
      assert.deepEqual(await poll, expected)
      if (n === 1) assert.equal(isAheadAnswered, false, 'a poll was answered before there was a byte at its from')
    }
    assert.deepEqual(await ahead, { offset: 1, text: '', eof: true, endOffset: 1 })
  }),

  core('a long poll for the end of the output is answered without delay', 'W-113', async (bench) => {
    const go = bench.beside('go')
    const client = await bench.task({ cmd: `printf said; until [ -e ${go} ]; do sleep 0.01; done` })
    await client.text(/said/)
    const poll = read(client, { from: 4, waitMs: 14_000 })
    writeFileSync(go, '')
    await client.ended()
    const ended = performance.now()
    assert.equal((await poll).eof, true, 'eof')
    const lateMs = Math.round(performance.now() - ended)
    assert.ok(lateMs < MAX_DELAY_MS, `the poll was answered ${lateMs} ms after the exit was reported`)
  }),

  core('eof is reported when no process can write any more', 'W-114', async (bench) => {
    const go = bench.beside('go')
    const client = await bench.task({ cmd: `echo a; (until [ -e ${go} ]; do sleep 0.01; done; echo b) & exit 0` })
    await client.ended()
    assert.deepEqual(await read(client, { from: 0 }), { offset: 0, text: 'a\n', eof: false, endOffset: 2 })
    writeFileSync(go, '')
    assert.equal((await client.whole()).toString(), 'a\nb\n')
    assert.deepEqual(await read(client, { from: 4 }), { offset: 4, text: '', eof: true, endOffset: 4 })
    assert.equal((await read(client, { from: 0, maxBytes: 2 })).eof, false, 'eof of a read that ends before the end')
    assert.equal((await client.info()).streams[1].eof, true)
  }),

  core('the newest bytes are kept, and a missing reader does not slow down the child', 'W-115', async (bench) => {
    const client = await bench.task({ cmd: 'seq 1 100000; echo end', maxReadBufSize: 1_000 })
    const { streams, exitStatus } = await client.ended()
    assert.equal(exitStatus?.exitCode, 0)
    const all = `${Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')}end\n`
    const { firstOffset, endOffset } = streams[1]
    assert.deepEqual({ firstOffset, endOffset }, { firstOffset: all.length - 1_000, endOffset: all.length })
    const { offset, text } = await read(client, { from: 0 })
    assert.deepEqual({ offset, text }, { offset: all.length - 1_000, text: all.slice(-1_000) })
  }),

  full('with overflow block no byte is lost, and the child waits', 'W-116', async (bench) => {
    const client = await bench.task({ cmd: 'seq 1 100000; echo end >&2', maxReadBufSize: 10_000, overflow: 'block' })
    const all = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
    const isBlocked = async () => (await client.info()).streams[1].blocked
    await until(isBlocked, 'the info says that stdout is blocked')
    const parts: string[] = []
    for (let from = 0; from < all.length; ) {
      const { offset, text } = await read(client, { from, waitMs: 5_000, discard: true })
      assert.equal(offset, from)
      assert.ok(text.length <= 10_000 && text.length > 0, `${text.length} bytes at ${from}`)
      parts.push(text)
      from += text.length
      // A pipe may hold as much as this.
      if (from < all.length - 400_000) assert.equal((await client.info()).pid === null, false, 'the child is over')
    }
    assert.ok(parts.join('') === all, 'bytes were lost or changed')
    await client.call('discardStream', { streamId: 1 })
    await client.text(/end/, 2)
    assert.equal(await isBlocked(), false, 'the info says that stdout is blocked, but it is empty')
  }),

  full('discard drops the bytes before from, and discardStream those before upTo', 'W-117 W-120', async (bench) => {
    const client = await bench.task({ cmd: 'printf 0123456789; read line; printf later' })
    await client.text(/9/)
    assert.equal((await read(client, { from: 4, discard: true })).text, '456789')
    assert.deepEqual(await read(client, { from: 0 }), { offset: 4, text: '456789', eof: false, endOffset: 10 })
    assertHas(
      await client.call('discardStream', { streamId: 1, upTo: 6 }),
      { firstOffset: 6, endOffset: 10 },
      'the result of discardStream',
    )
    assertHas(
      await client.call('discardStream', { streamId: 1, upTo: 2 }),
      { firstOffset: 6, endOffset: 10 },
      'the result of discardStream',
    )
    assertHas(
      await client.call('discardStream', { streamId: 1, upTo: 99 }),
      { firstOffset: 10, endOffset: 10 },
      'the result of discardStream',
    )
    assert.deepEqual((await client.info()).streams[1].discarded, 10, 'discarded')
    await client.call('closeStream', { streamId: 0 })
    await client.ended()
    assert.equal((await read(client, { from: 10 })).text, 'later', 'bytes that were written after discardStream')
    const other = await bench.task({ cmd: 'printf 0123456789; read line' })
    await other.text(/9/)
    const all = await other.call('discardStream', { streamId: 1 })
    assertHas(all, { firstOffset: 10, endOffset: 10 }, 'the result of discardStream without upTo')
  }),

  full('a read with maxBytes 0 waits, and returns the offset of the next byte', 'W-119', async (bench) => {
    const client = await bench.task({ cmd: 'printf 0123456789; read line; exit 0' })
    await client.text(/9/)
    const expected = { text: '', eof: false, endOffset: 10 }
    assert.deepEqual(await read(client, { from: 4, maxBytes: 0, waitMs: 10_000 }), { offset: 4, ...expected })
    await client.call('discardStream', { streamId: 1, upTo: 6 })
    assert.deepEqual(await read(client, { from: 0, maxBytes: 0 }), { offset: 6, ...expected })
    assert.deepEqual(await read(client, { from: 99, maxBytes: 0 }), { offset: 10, ...expected })
    const end = read(client, { from: 10, maxBytes: 0, waitMs: 10_000 })
    end.catch(() => {})
    await client.call('closeStream', { streamId: 0 })
    assert.deepEqual(await end, { offset: 10, ...expected, eof: true })
    assert.equal((await read(client, { from: 6, maxBytes: 0 })).eof, false, 'eof of a read of no bytes before the end')
  }),

  core('output is returned unchanged', 'W-118', async (bench) => {
    const client = await bench.task({ cmd: "printf '\\000\\377\\200\\303\\050\\r\\n\\033'" })
    assert.equal((await client.whole()).toString('hex'), '00ff80c3280d0a1b')
  }),
]

const order: Check[] = [
  full('readOrder returns the chunks in the order of reading', 'W-130 W-131 W-132', async (bench) => {
    const client = await bench.task({ cmd: 'printf a; read x; printf b >&2; read x; printf c; read x; printf d' })
    await client.text(/a/)
    await client.call('writeStream', { streamId: 0, data: Buffer.from('\n') })
    await client.text(/b/, 2)
    await client.call('writeStream', { streamId: 0, data: Buffer.from('\n') })
    await client.text(/c/)
    const first = await client.call('readOrder', {})
    const { seq, endSeq, eof } = first
    assert.deepEqual({ seq, endSeq, eof }, { seq: 0, endSeq: 3, eof: false })
    const [[stream, offset, length, at]] = first.chunks as [[number, number, number, number]]
    assert.deepEqual([stream, offset, length], [1, 0, 1])
    assert.ok(Math.abs(at - Date.now()) < 60_000, `the time ${at}`)
    assert.deepEqual(
      first.chunks.map(([id, from]) => [id, from]),
      [
        [1, 0],
        [2, 0],
        [1, 1],
      ],
    )
    const poll = client.call('readOrder', { from: 3, waitMs: 5_000 })
    await client.call('closeStream', { streamId: 0 })
    assert.deepEqual(
      (await poll).chunks.map((chunk) => chunk.slice(0, 3)),
      [[1, 2, 1]],
    )
    assert.deepEqual((await client.call('readOrder', { from: 0 })).chunks.slice(0, 3), first.chunks)
    const some = await client.call('readOrder', { from: 1, maxChunks: 1 })
    assert.deepEqual([some.seq, some.chunks.length, some.eof], [1, 1, false], 'seq, chunks and eof with maxChunks 1')
    const end = await client.call('readOrder', { from: 99, waitMs: 5_000 })
    assert.deepEqual([end.seq, end.chunks, end.eof], [4, [], true])
  }),

  full('a chunk that readOrder has returned never changes', 'W-132', async (bench) => {
    const client = await bench.task({ cmd: 'while :; do printf x; done' })
    let from = 0
    let last: unknown
    // Many, since a chunk could grow only in the moment after it was returned.
    for (let calls = 0; calls < 400; calls += 1) {
      const { seq, chunks } = await client.call('readOrder', { from, maxChunks: 4_096, waitMs: 5_000 })
      if (last !== undefined && seq === from) assert.deepEqual(chunks[0], last, `chunk ${seq}, returned again`)
      last = chunks.at(-1)
      from = seq + chunks.length - 1
    }
  }),
]

const input: Check[] = [
  full('writes reach the child completely and in order', 'W-140', async (bench) => {
    const go = bench.beside('go')
    const client = await bench.task({ cmd: `until [ -e ${go} ]; do sleep 0.01; done; cat; echo end` })
    const piece = Buffer.from('0123456789abcdef'.repeat(12_000))
    const accepted = await Promise.all(
      [0, 1, 2, 3].map((n) =>
        client.call('writeStream', { streamId: 0, data: Buffer.concat([Buffer.of(48 + n), piece]) }),
      ),
    )
    assert.deepEqual(
      accepted.map(({ acceptedOffset }) => acceptedOffset),
      [1, 2, 3, 4].map((n) => n * (piece.length + 1)),
      'accepted offsets of four writes',
    )
    writeFileSync(go, '')
    await client.call('closeStream', { streamId: 0 })
    const expected = Buffer.concat([0, 1, 2, 3].flatMap((n) => [Buffer.of(48 + n), piece]).concat(Buffer.from('end\n')))
    assert.ok((await client.whole()).equals(expected), 'the bytes that the child got')
    const { acceptedOffset, writtenOffset, closed } = (await client.info()).streams[0]
    assert.deepEqual(
      { acceptedOffset, writtenOffset, closed },
      { acceptedOffset: expected.length - 4, writtenOffset: expected.length - 4, closed: true },
    )
  }),

  full('if the child does not read, a write waits or would block', 'W-141', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const data = Buffer.alloc(256 * 1024)
    let acceptedOffset = 0
    const code = await (async () => {
      for (let writes = 0; writes < 1_000; writes += 1) {
        const outcome = await client.call('writeStream', { streamId: 0, data, wait: false }).catch((error) => error)
        if (outcome instanceof Error) return (outcome as Error & { code: string }).code
        acceptedOffset = outcome.acceptedOffset
      }
      return '1,000 writes of 256 KiB were accepted'
    })()
    assert.equal(code, 'ERR_BGTASK_WOULD_BLOCK')
    assert.equal(
      (await client.info()).streams[0].acceptedOffset,
      acceptedOffset,
      'acceptedOffset after a write that was refused',
    )
    let answered = false
    const waiting = client
      .callAny('writeStream', { streamId: 0, data })
      .then(
        () => true,
        () => true,
      )
      .finally(() => {
        answered = true
      })
    await client.info()
    await new Promise(setImmediate)
    assert.equal(answered, false, 'a write that has to wait was answered')
    await client.call('stop')
    await waiting
  }),

  full('a write without an open stdin is an error without other effects', 'W-142', async (bench) => {
    const write = { streamId: 0, data: Buffer.from('x') }
    const none = await bench.task({ exec: SLEEP, stdin: 'null' })
    assert.equal((await none.failure('writeStream', write)).code, 'STDIN_CLOSED')
    const closing = await bench.task({ cmd: 'exec 0<&-; echo closed; sleep 1000' })
    await closing.text(/closed/)
    // The first one may still be accepted: only a write shows that the pipe has no reader.
    await until(async () => {
      const refused = (error: { remoteCode?: string }) => error.remoteCode === 'STDIN_CLOSED'
      return closing.callAny('writeStream', write).then(() => false, refused)
    }, 'STDIN_CLOSED')
    const { pid, state } = await closing.info()
    assert.ok(state === 'running' && isAlive(pid ?? 0))
    await closing.call('stop')
    assert.equal((await closing.failure('writeStream', write)).code, 'STDIN_CLOSED')
  }),

  full('closeStream closes stdin after the queued bytes, or immediately', 'W-150', async (bench) => {
    const go = bench.beside('go')
    const cmd = `until [ -e ${go} ]; do sleep 0.01; done; wc -c`
    const patient = await bench.task({ cmd })
    const hasty = await bench.task({ cmd })
    for (const client of [patient, hasty]) {
      await client.call('writeStream', { streamId: 0, data: Buffer.alloc(256 * 1024) })
      await client.call('closeStream', { streamId: 0, immediate: client === hasty })
      assert.equal((await client.failure('writeStream', { streamId: 0, data: Buffer.of(1) })).code, 'STDIN_CLOSED')
    }
    writeFileSync(go, '')
    assert.equal(Number((await patient.whole()).toString()), 256 * 1024)
    assert.ok(Number((await hasty.whole()).toString()) < 256 * 1024)
  }),

  full('a closed output keeps its bytes, and the child continues to write', 'W-151', async (bench) => {
    const client = await bench.task({ cmd: 'echo kept; read line; seq 1 100000; exit 0' })
    await client.text(/kept/)
    await client.call('closeStream', { streamId: 1 })
    assert.equal((await read(client, { from: 0 })).text, 'kept\n')
    await client.call('closeStream', { streamId: 0 })
    assert.equal((await client.ended()).exitStatus?.exitCode, 0)
    const { data } = await client.call('readStream', { streamId: 1, from: 5, waitMs: 5_000 })
    assert.equal(data.length, 0, 'bytes behind those that were kept')
    assert.equal((await read(client, { from: 0 })).text, 'kept\n', 'what is kept')
  }),
]

async function read(client: Client, params: Partial<Parameters<typeof client.call<'readStream'>>[1]>) {
  const { offset, data, eof, endOffset } = await client.call('readStream', { streamId: 1, ...params })
  return { offset, text: Buffer.from(data).toString(), eof, endOffset }
}

export const streamChecks: readonly Check[] = [...reading, ...order, ...input]
