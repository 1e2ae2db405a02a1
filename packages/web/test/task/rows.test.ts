import { expect, test } from 'vitest'
import { Rows } from '../../src/browser/task/rows.js'

const mark = (row: number) => ({ row, stream: 'stdout' as const, position: `stdout:${row}` })

test('a row belongs to the last mark at or above it', () => {
  const rows = new Rows()
  for (const row of [2, 5, 9]) rows.add(mark(row))
  expect([0, 2, 4, 5, 8, 9, 99].map((row) => rows.at(row)?.row)).toEqual([undefined, 2, 2, 5, 5, 9, 9])
})

test('the first mark of a row wins, and marks that go back are ignored', () => {
  const rows = new Rows()
  rows.add({ ...mark(3), position: 'first' })
  rows.add({ ...mark(3), position: 'second' })
  rows.add({ ...mark(1), position: 'third' })
  expect(rows.at(3)?.position).toBe('first')
  expect(rows.at(2)).toBeUndefined()
})

test('trim drops marks of old rows, but keeps the mark of the first remaining row', () => {
  const rows = new Rows()
  for (let row = 0; row < 100; row += 1) rows.add(mark(row * 2))
  rows.trim(151)
  expect(rows.at(151)?.row).toBe(150)
  expect(rows.at(100)).toBeUndefined()
})

test('after a change of width, marks move with their lines or are dropped', () => {
  const rows = new Rows()
  for (const row of [0, 1, 2]) rows.add(mark(row))
  rows.move((row) => (row === 0 ? undefined : row * 2))
  expect([1, 2, 3, 4].map((row) => rows.at(row)?.position)).toEqual([undefined, 'stdout:1', 'stdout:1', 'stdout:2'])
})
