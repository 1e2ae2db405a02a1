import assert from 'node:assert/strict'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../bench.js'
import { type Check, full } from '../check.js'
import type { Client } from '../client.js'
import { needsFeature } from '../needs-feature.js'
import { bytesOf, filesOf, sizeOf, spoolPath } from '../spool-files.js'
import { until } from '../waiting.js'

/** Several files of an output that is soon larger. */
const SMALL = { maxBytes: 16_384, segmentBytes: 4_096 }
const LARGE = { maxBytes: 1_048_576, segmentBytes: 262_144 }

const numbers = (last: number) => Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('')

/** The feature `spool`. */
export const spoolChecks: readonly Check[] = [
  full('bytes are in files before they are reported, and so is an exit', 'W-133 W-136 D-63', async (bench) => {
    await needsFeature(bench, 'spool')
    const cmd = 'read go; i=0; while [ $i -lt 100 ]; do printf "%01000d" $i; i=$((i + 1)); done; printf e >&2'
    const client = await bench.task({ cmd, spool: LARGE })
    const directory = spoolPath(bench, (await client.info()).taskId)
    await client.call('subscribe')
    let endAtExit: number[] = []
    client.onHeard = (name) => {
      if (name === 'childExit') endAtExit = [sizeOf(filesOf(directory, 1)), sizeOf(filesOf(directory, 2))]
    }
    await client.call('writeStream', { streamId: 0, data: '\n' })
    for (let from = 0, isOver = false; !isOver; ) {
      const { offset, data, endOffset, eof } = await client.call('readStream', { streamId: 1, from, waitMs: 5_000 })
      const files = filesOf(directory, 1)
      assert.ok(sizeOf(files) >= endOffset, `${sizeOf(files)} bytes in files when endOffset ${endOffset} was reported`)
      assert.ok(
        bytesOf(files)
          .subarray(offset, offset + data.length)
          .equals(data),
        `the bytes in files at ${offset}`,
      )
      from = offset + data.length
      isOver = eof
    }
    const { exitOffsets } = await client.event('childExit')
    const inFiles = endAtExit.map((size, index) => Math.min(size, exitOffsets[index === 0 ? 1 : 2]))
    assert.deepEqual(inFiles, [exitOffsets[1], exitOffsets[2]], 'bytes in files when the exit was reported')
  }),

  full('output that memory does not hold is read from files', 'W-134 W-51', async (bench) => {
    await needsFeature(bench, 'spool')
    const client = await bench.task({ cmd: 'seq 1 20000', maxReadBufSize: 1_000, spool: LARGE })
    const { spool, streams } = await client.ended()
    assert.deepEqual(spool, { ...LARGE, sync: 'none' }, 'spool of info')
    const { firstOffset, discarded } = streams[1]
    assert.deepEqual({ firstOffset, discarded }, { firstOffset: 0, discarded: 0 }, 'firstOffset and discarded of info')
    for (const maxBytes of [1_000, 524_288]) {
      assert.ok((await client.whole(1, maxBytes)).toString() === numbers(20_000), `reads of ${maxBytes} bytes`)
    }
    const all = await client.call('discardStream', { streamId: 1, upTo: 50_000 })
    assert.equal(all.firstOffset, 50_000, 'firstOffset of discardStream')
    assert.equal(
      (await client.call('readStream', { streamId: 1, from: 0 })).offset,
      50_000,
      'offset after discardStream',
    )
  }),

  full('files are bounded, full, and say in their names where they begin', 'D-62 D-64', async (bench) => {
    await needsFeature(bench, 'spool')
    const cmd = 'for i in 1 2 3 4 5 6 7 8; do seq 1 2000; done; exit 0'
    const client = await bench.task({ cmd, spool: SMALL })
    const directory = spoolPath(bench, (await client.info()).taskId)
    let isOver = false
    const ended = client.ended().finally(() => {
      isOver = true
    })
    ended.catch(() => {})
    while (!isOver) {
      const size = sizeOf(filesOf(directory, 1))
      assert.ok(size <= SMALL.maxBytes, `${size} bytes in files, with maxBytes ${SMALL.maxBytes}`)
      await new Promise(setImmediate)
    }
    const { firstOffset, endOffset } = (await ended).streams[1]
    const files = filesOf(directory, 1)
    assert.equal(firstOffset, files[0]?.from, 'firstOffset of info')
    const full = files.slice(0, -1).map(({ size }) => size)
    assert.deepEqual(
      full,
      full.map(() => SMALL.segmentBytes),
      'sizes of all files but the newest',
    )
    assert.ok(sizeOf(files) > SMALL.maxBytes - SMALL.segmentBytes, `${sizeOf(files)} bytes in files`)
    const whole = numbers(2_000).repeat(8)
    assert.equal(endOffset, whole.length, 'endOffset')
    assert.ok(bytesOf(files).toString() === whole.slice(firstOffset), 'the bytes in files')
  }),

  full(
    'with overflow block a file stays until its bytes were discarded, and the child waits',
    'W-135',
    async (bench) => {
      await needsFeature(bench, 'spool')
      const client = await bench.task({ cmd: 'seq 1 30000', spool: SMALL, overflow: 'block' })
      const directory = spoolPath(bench, (await client.info()).taskId)
      await until(async () => (await client.info()).streams[1].blocked, 'the info says that stdout is blocked')
      const files = filesOf(directory, 1)
      assert.equal(files[0]?.from, 0, 'where the oldest file begins')
      assert.ok(sizeOf(files) <= SMALL.maxBytes, `${sizeOf(files)} bytes in files`)
      const parts: Uint8Array[] = []
      for (let from = 0, isOver = false; !isOver; ) {
        const read = await client.call('readStream', { streamId: 1, from, waitMs: 5_000, discard: true })
        assert.equal(read.offset, from, 'offset')
        parts.push(read.data)
        from += read.data.length
        isOver = read.eof
      }
      assert.ok(Buffer.concat(parts).toString() === numbers(30_000), 'bytes were lost or changed')
    },
  ),

  full('the order of reading is in files', 'D-65', async (bench) => {
    await needsFeature(bench, 'spool')
    const client = await bench.task({ cmd: 'printf a; read x; printf b >&2; read x; printf c', spool: SMALL })
    const { taskId } = await client.info()
    await client.text(/a/)
    await client.call('writeStream', { streamId: 0, data: '\n' })
    await client.text(/b/, 2)
    const { chunks } = await client.call('readOrder', {})
    const directory = spoolPath(bench, taskId)
    assert.deepEqual(
      filesOf(directory, 0).map(({ name }) => name),
      ['0.0000000000000000'],
      'names of files of the order',
    )
    assert.deepEqual(entriesOf(directory), chunks, 'the entries in files, and readOrder')
    assert.deepEqual(
      chunks.map((chunk) => chunk.slice(0, 3)),
      [
        [1, 0, 1],
        [2, 0, 1],
      ],
      'chunks of readOrder',
    )
  }),

  full('files and their directory have the modes that access says, whatever the umask', 'D-61', async (bench) => {
    await needsFeature(bench, 'spool')
    for (const [umask, mode, ofFiles, ofDirectory] of [
      ['000', 0o600, 0o600, 0o700],
      ['777', 0o640, 0o640, 0o750],
      ['077', 0o777, 0o666, 0o755],
    ] as const) {
      const before = ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh']
      const changes = { exec: ['/bin/echo', 'hi'], access: { mode, gid: process.getgid?.() ?? null, owners: [] } }
      const spool = { ...SMALL, sync: 'exit' as const }
      const client = await bench.connect(
        await bench.launch({ ...changes, spool, needs: ['spool'] }, { before }).ready(),
      )
      const { taskId } = await client.ended()
      const directory = spoolPath(bench, taskId)
      const modes = ['.', ...[0, 1].map((stream) => filesOf(directory, stream as 0 | 1)[0]?.name ?? 'no file')].map(
        (name) => modeOf(join(directory, name)),
      )
      const expected = [ofDirectory, ofFiles, ofFiles].map((each) => each.toString(8))
      assert.deepEqual(modes, expected, `modes of the directory and two files, with umask ${umask}`)
    }
  }),
]

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8)
}

function entriesOf(directory: string): number[][] {
  const bytes = Buffer.concat(filesOf(directory, 0).map(({ path }) => readFileSync(path)))
  return Array.from({ length: bytes.length / 32 }, (_, index) =>
    [0, 8, 16, 24].map((place) => Number(bytes.readBigUInt64LE(index * 32 + place))),
  )
}

/** The output of a task that keeps it in files, after it has ended. */
export async function spooledTask(bench: Bench, cmd: string): Promise<{ client: Client; directory: string }> {
  const client = await bench.task({ cmd, spool: SMALL })
  return { client, directory: spoolPath(bench, (await client.info()).taskId) }
}
