import { expect, test } from 'vitest'
import { OrderLog } from '../src/streams/order-log.js'

test('tells chunks of both streams in the order in which they were added', () => {
  const log = new OrderLog()
  log.add(1, 0, 5, 100)
  log.add(2, 0, 3, 100)
  log.add(1, 5, 2, 101)
  expect(log.read(0, 10)).toEqual({
    seq: 0,
    chunks: [
      [1, 0, 5, 100],
      [2, 0, 3, 100],
      [1, 5, 2, 101],
    ],
  })
  expect(log.read(1, 1)).toEqual({ seq: 1, chunks: [[2, 0, 3, 100]] })
})

test('joins what follows in the same millisecond, but never changes a chunk that somebody has seen', () => {
  const log = new OrderLog()
  log.add(1, 0, 5, 100)
  log.add(1, 5, 5, 100)
  expect(log.read(0, 10).chunks).toEqual([[1, 0, 10, 100]])
  log.add(1, 10, 1, 100)
  expect(log.read(1, 10)).toEqual({ seq: 1, chunks: [[1, 10, 1, 100]] })
})

test('stays bounded: the order of the oldest chunks is forgotten, and the number says so', () => {
  const log = new OrderLog()
  for (let index = 0; index < 20_000; index += 1) log.add(index % 2 === 0 ? 1 : 2, index, 1, index)
  const { seq, chunks } = log.read(0, 4)
  expect(log.endSeq).toBe(20_000)
  expect(seq).toBeGreaterThan(0)
  expect(chunks[0]).toEqual([seq % 2 === 0 ? 1 : 2, seq, 1, seq])
  expect(log.read(19_999, 4).chunks).toEqual([[2, 19_999, 1, 19_999]])
})
