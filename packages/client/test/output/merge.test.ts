import type { OrderedChunk, OutputStreamId } from '@bgtask/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type MergedChunk,
  type MergedGap,
  type MergedPosition,
  type MergeSource,
  merge,
} from '../../src/output/merge.js'
import { part } from '../text/cuts.js'

/** What a supervisor read, and what it still keeps of it. */
interface Kept {
  readonly chunks: readonly OrderedChunk[]
  readonly firstSeq: number
  readonly firstOffset: Readonly<Record<OutputStreamId, number>>
  readonly endOffset: Readonly<Record<OutputStreamId, number>>
}

const someReads = fc.array(fc.tuple(fc.constantFrom<OutputStreamId>(1, 2), fc.integer({ min: 1, max: 9 })), {
  maxLength: 20,
})
const kept: fc.Arbitrary<Kept> = fc.tuple(someReads, part, part, part).map(([reads, order, stdout, stderr]) => {
  const endOffset = { 1: 0, 2: 0 }
  const chunks = reads.map(([streamId, length], at): OrderedChunk => {
    endOffset[streamId] += length
    return [streamId, endOffset[streamId] - length, length, at]
  })
  const firstOffset = { 1: Math.round(endOffset[1] * stdout), 2: Math.round(endOffset[2] * stderr) }
  return { chunks, firstSeq: Math.round(chunks.length * order), firstOffset, endOffset }
})

/** Each byte is its offset, so that it can be told from all others. */
function sourceOf(
  { chunks, firstSeq, firstOffset, endOffset }: Kept,
  maxChunks: number,
  maxBytes: number,
): MergeSource {
  return {
    order: async (from = firstSeq) => {
      const seq = Math.min(Math.max(from, firstSeq), chunks.length)
      const shown = chunks.slice(seq, seq + maxChunks)
      return { seq, chunks: shown, endSeq: chunks.length, eof: seq + shown.length === chunks.length }
    },
    discard: async () => {},
    read: async (streamId, from, length) => {
      const offset = Math.min(Math.max(from, firstOffset[streamId]), endOffset[streamId])
      const end = Math.min(endOffset[streamId], offset + Math.min(length, maxBytes))
      const data = Buffer.from(Array.from({ length: end - offset }, (_, index) => offset + index))
      return { offset, data, eof: end === endOffset[streamId], endOffset: endOffset[streamId] }
    },
  }
}

async function all(source: MergeSource, from?: MergedPosition): Promise<(MergedChunk | MergedGap)[]> {
  const told: (MergedChunk | MergedGap)[] = []
  for await (const item of merge(source, { from })) told.push(item)
  return told
}

/** A line for every byte, so that it does not matter how they were cut. */
function bytesOf(items: readonly (MergedChunk | MergedGap)[]): string[] {
  return items.flatMap((item) => {
    if (!item.gap) return [...item.data].map((byte) => `${item.stream} ${byte} read at ${item.at}`)
    return Array.from({ length: item.to - item.from }, (_, index) => `${item.stream} ${item.from + index} missing`)
  })
}

const START: MergedPosition = { seq: 0, stdout: 0, stderr: 0 }
const small = fc.integer({ min: 1, max: 5 })

test('tells every byte once: in the order of reading where order and byte are kept, else as missing', async () => {
  await fc.assert(
    fc.asyncProperty(kept, small, small, async (task, maxChunks, maxBytes) => {
      const told = bytesOf(await all(sourceOf(task, maxChunks, maxBytes), START))
      const expected = task.chunks.flatMap(([streamId, offset, length, at], seq) =>
        Array.from({ length }, (_, index) => {
          const name = `${streamId === 1 ? 'stdout' : 'stderr'} ${offset + index}`
          const known = seq >= task.firstSeq && offset + index >= task.firstOffset[streamId]
          return known ? `${name} read at ${at}` : `${name} missing`
        }),
      )
      expect([...told].sort()).toEqual([...expected].sort())
      expect(told.filter((byte) => byte.includes('read'))).toEqual(expected.filter((byte) => byte.includes('read')))
    }),
  )
})

test('goes on behind anything it told, with nothing twice and nothing left out', async () => {
  await fc.assert(
    fc.asyncProperty(kept, small, small, fc.nat(), async (task, maxChunks, maxBytes, at) => {
      const source = sourceOf(task, maxChunks, maxBytes)
      const told = await all(source, START)
      fc.pre(told.length > 0)
      const index = at % told.length
      const rest = await all(source, told[index]?.next)
      expect(bytesOf([...told.slice(0, index + 1), ...rest])).toEqual(bytesOf(told))
    }),
  )
})

test('without a position it begins with the oldest kept bytes; those whose order is forgotten are a gap', async () => {
  const task: Kept = {
    chunks: [
      [1, 0, 3, 100],
      [2, 0, 2, 101],
      [1, 3, 2, 102],
    ],
    firstSeq: 1,
    firstOffset: { 1: 1, 2: 0 },
    endOffset: { 1: 5, 2: 2 },
  }
  expect(await all(sourceOf(task, 9, 9))).toEqual([
    { stream: 'stderr', offset: 0, data: Buffer.from([0, 1]), at: 101, next: { seq: 2, stdout: 1, stderr: 2 } },
    { stream: 'stdout', gap: true, from: 1, to: 3, next: { seq: 2, stdout: 3, stderr: 2 } },
    { stream: 'stdout', offset: 3, data: Buffer.from([3, 4]), at: 102, next: { seq: 3, stdout: 5, stderr: 2 } },
  ])
})

test('not live, it ends with what is there at the call', async () => {
  const task: Kept = { chunks: [[1, 0, 3, 100]], firstSeq: 0, firstOffset: { 1: 0, 2: 0 }, endOffset: { 1: 3, 2: 0 } }
  const source = sourceOf(task, 9, 9)
  const still: MergeSource = { ...source, order: async (seq) => ({ ...(await source.order(seq)), eof: false }) }
  const told: (MergedChunk | MergedGap)[] = []
  for await (const item of merge(still, { live: false })) told.push(item)
  expect(told).toMatchObject([{ stream: 'stdout', offset: 0, data: Buffer.from([0, 1, 2]) }])
})

test.each([
  ['order that goes back', { order: { seq: 0 } }],
  ['bytes of before', { read: { offset: 0, data: Buffer.from([0]) } }],
  ['no bytes where the order tells of some', { read: { offset: 1, data: new Uint8Array(0) } }],
])('is not led astray by %s', async (_, lie: { order?: object; read?: object }) => {
  const source: MergeSource = {
    order: async () => ({ seq: 1, chunks: [[1, 1, 4, 100]], endSeq: 2, eof: false, ...lie.order }),
    discard: async () => {},
    read: async () => ({ offset: 1, data: Buffer.of(1), eof: false, endOffset: 5, ...lie.read }),
  }
  await expect(all(source, { seq: 1, stdout: 1 })).rejects.toMatchObject({ code: 'ERR_BGTASK_PROTOCOL' })
})
