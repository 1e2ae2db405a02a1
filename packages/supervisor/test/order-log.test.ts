import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { OrderLog } from '../src/streams/order-log.js'

let now: number
let log: OrderLog

beforeEach(() => {
  now = 100
  log = new OrderLog(() => now)
})

test('tells chunks of both streams in the order in which they were added', () => {
  log.add(1, 0, 5)
  log.add(2, 0, 3)
  now = 101
  log.add(1, 5, 2)
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
  log.add(1, 0, 5)
  log.add(1, 5, 5)
  expect(log.read(0, 10).chunks).toEqual([[1, 0, 10, 100]])
  log.add(1, 10, 1)
  expect(log.read(1, 10)).toEqual({ seq: 1, chunks: [[1, 10, 1, 100]] })
})

test('lets a chunk that grows fast grow a moment longer, then tells the time anew', async () => {
  log.add(1, 0, 5)
  log.add(1, 5, 5)
  now = 101
  log.add(1, 10, 5)
  await delay(20)
  log.add(1, 15, 5)
  log.add(1, 20, 5)
  await delay(20)
  now = 140
  log.add(1, 25, 5)
  expect(log.read(0, 10).chunks).toEqual([
    [1, 0, 15, 100],
    [1, 15, 10, 101],
    [1, 25, 5, 140],
  ])
})

test('begins a chunk for the other stream, and for what does not follow, however fast', () => {
  log.add(1, 0, 5)
  log.add(1, 5, 5)
  log.add(2, 0, 5)
  log.add(1, 10, 5)
  log.add(1, 20, 5)
  expect(log.read(0, 10).chunks).toEqual([
    [1, 0, 10, 100],
    [2, 0, 5, 100],
    [1, 10, 5, 100],
    [1, 20, 5, 100],
  ])
})

test('stays bounded: the order of the oldest chunks is forgotten, and the number says so', () => {
  for (let index = 0; index < 20_000; index += 1) {
    now = index
    log.add(index % 2 === 0 ? 1 : 2, index, 1)
  }
  const { seq, chunks } = log.read(0, 4)
  expect(log.endSeq).toBe(20_000)
  expect(seq).toBeGreaterThan(0)
  expect(chunks[0]).toEqual([seq % 2 === 0 ? 1 : 2, seq, 1, seq])
  expect(log.read(19_999, 4).chunks).toEqual([[2, 19_999, 1, 19_999]])
})
