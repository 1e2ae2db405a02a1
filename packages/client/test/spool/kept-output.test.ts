import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KeptOutput } from '../../src/spool/kept-output.js'
import { SegmentFiles } from './segments.js'

test.for<[string, number | undefined, { offset: number; data: string; eof: boolean }]>([
  ['at the oldest kept byte if no offset is given', undefined, { offset: 4, data: 'ef', eof: false }],
  ['at the oldest kept byte behind a deleted one', 1, { offset: 4, data: 'ef', eof: false }],
  ['inside of a segment', 5, { offset: 5, data: 'f', eof: false }],
  ['behind a hole', 6, { offset: 8, data: 'ij', eof: true }],
  ['at the end', 10, { offset: 10, data: '', eof: true }],
  ['beyond the end', 99, { offset: 10, data: '', eof: true }],
])('the output of a killed supervisor ends where its files do; a read begins %s', async ([, from, expected]) => {
  const files = new SegmentFiles()
  files.append(1, 4, 'ef')
  files.append(1, 8, 'ij')
  const { data, ...rest } = await new KeptOutput(files).readStream({ streamId: 1, from })
  expect({ ...rest, data: data.toString() }).toEqual({ ...expected, endOffset: 10 })
})

test.for<[string, number, { offset: number; data: string; eof: boolean }]>([
  ['bytes that only memory held are a gap up to the end', 3, { offset: 7, data: '', eof: true }],
  ['bytes before them are not', 1, { offset: 1, data: 'bc', eof: false }],
])('the output of a retired task ends where its record says: %s', async ([, from, expected]) => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abc')
  const { data, ...rest } = await new KeptOutput(files, { 1: 7, 2: 0 }).readStream({ streamId: 1, from })
  expect({ ...rest, data: data.toString() }).toEqual({ ...expected, endOffset: 7 })
})

test('bytes behind the recorded end are not read', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abcdef')
  const { data, eof } = await new KeptOutput(files, { 1: 3, 2: 0 }).readStream({ streamId: 1 })
  expect([data.toString(), eof]).toEqual(['abc', true])
})

test('a read of 0 bytes tells where the kept bytes are', async () => {
  const files = new SegmentFiles()
  files.append(1, 4, 'ef')
  const output = new KeptOutput(files)
  expect(await output.readStream({ streamId: 1, maxBytes: 0 })).toMatchObject({ offset: 4, endOffset: 6, eof: false })
  expect(await output.readStream({ streamId: 1, from: 6, maxBytes: 0 })).toMatchObject({ offset: 6, eof: true })
})

test('without a directory nothing is kept, and the output is at its end', async () => {
  const output = new KeptOutput({ directory: '/nowhere', trusts: () => true }, { 1: 5, 2: 0 })
  expect(await output.readStream({ streamId: 1, from: 0 })).toMatchObject({ offset: 5, endOffset: 5, eof: true })
  expect(await output.readOrder({})).toEqual({ seq: 0, chunks: [], endSeq: 0, eof: true })
})

test.runIf(process.getuid?.() !== 0)('files that may not be read are an error, not a gap', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abc')
  chmodSync(files.pathOf(1, 0), 0)
  await expect(new KeptOutput(files).readStream({ streamId: 1 })).rejects.toMatchObject({
    code: 'ERR_BGTASK_PERMISSION',
  })
})

test('the order goes over segments, from a number on, as many entries as are asked for', async () => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abc')
  files.append(2, 0, 'xy')
  files.appendOrder(7, [
    [1, 0, 1, 100],
    [2, 0, 2, 101],
  ])
  files.appendOrder(9, [[1, 1, 2, 102]])
  const output = new KeptOutput(files)
  const first = { seq: 7, chunks: [[1, 0, 1, 100]], endSeq: 10, eof: false }
  expect(await output.readOrder({ maxChunks: 1 })).toEqual(first)
  expect(await output.readOrder({ from: 8 })).toEqual({ seq: 8, chunks: [[2, 0, 2, 101]], endSeq: 10, eof: false })
  expect(await output.readOrder({ from: 9 })).toEqual({ seq: 9, chunks: [[1, 1, 2, 102]], endSeq: 10, eof: true })
  expect(await output.readOrder({ from: 99 })).toEqual({ seq: 10, chunks: [], endSeq: 10, eof: true })
})

test.for<[string, (files: SegmentFiles) => void]>([
  ['an entry that is half written', (files) => files.append(0, 0, Buffer.alloc(8, 1))],
  ['an entry of zeros', (files) => files.append(0, 0, Buffer.alloc(32))],
  ['an entry of bytes that never reached the disk', (files) => files.appendOrder(0, [[1, 3, 4, 101]])],
])('the order ends before %s', async ([, damage]) => {
  const files = new SegmentFiles()
  files.append(1, 0, 'abc')
  files.appendOrder(0, [[1, 0, 3, 100]])
  damage(files)
  const order = await new KeptOutput(files).readOrder({})
  expect(order).toEqual({ seq: 0, chunks: [[1, 0, 3, 100]], endSeq: 1, eof: true })
})
