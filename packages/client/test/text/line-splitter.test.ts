import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter, type OutputLine } from '../../src/text/line-splitter.js'
import { chunksOf, cuts, outputBytes, outputText } from './cuts.js'

function split(chunks: { offset: number; data: Buffer }[], maxLineBytes = 1_000_000): OutputLine[] {
  const splitter = new LineSplitter(maxLineBytes)
  return [...chunks.flatMap(({ offset, data }) => [...splitter.push(offset, data)]), ...splitter.end()]
}

test('a line has its offsets, and text without its line end', () => {
  const lines = split([{ offset: 100, data: Buffer.from('é\n\r\nab\rc\nrest') }])
  expect(lines).toEqual([
    { offset: 100, endOffset: 103, line: 'é', complete: true },
    { offset: 103, endOffset: 105, line: '', complete: true },
    { offset: 105, endOffset: 110, line: 'ab\rc', complete: true },
    { offset: 110, endOffset: 114, line: 'rest', complete: false },
  ])
})

test('lines do not depend on where the chunks were cut', () => {
  fc.assert(
    fc.property(outputBytes, cuts, fc.nat(1000), (bytes, at, offset) => {
      const whole = bytes.toString('utf8').split('\n')
      const lines = split(chunksOf(bytes, at, offset))
      expect(lines.map(({ line }) => line)).toEqual(
        whole.map((line, index) => (index < whole.length - 1 ? line.replace(/\r$/, '') : line)).slice(0, lines.length),
      )
      expect(lines.length).toBe(whole.length - (whole.at(-1) === '' ? 1 : 0))
      expect(lines.map(({ endOffset }) => endOffset)).toEqual([
        ...lines.slice(1).map((line) => line.offset),
        ...(lines.length > 0 ? [offset + bytes.length] : []),
      ])
    }),
  )
})

test('a line longer than the bound comes in pieces that cut no character and lose nothing', () => {
  fc.assert(
    fc.property(outputText, cuts, fc.integer({ min: 4, max: 12 }), (text, at, maxLineBytes) => {
      const bytes = Buffer.from(text)
      const lines = split(chunksOf(bytes, at), maxLineBytes)
      for (const { offset, endOffset, line, complete } of lines) {
        expect(endOffset - offset).toBeLessThanOrEqual(maxLineBytes)
        const raw = bytes.toString('utf8', offset, endOffset)
        expect(complete ? raw.replace(/\r?\n$/, '') : raw).toBe(line)
        expect(complete).toBe(raw.endsWith('\n'))
      }
      expect(lines.map(({ offset, endOffset }) => bytes.toString('utf8', offset, endOffset)).join('')).toBe(text)
    }),
  )
})

test('what is pushed after an end may lie anywhere', () => {
  const splitter = new LineSplitter(100)
  expect([...splitter.push(0, Buffer.from('lost ta'))]).toEqual([])
  expect([...splitter.end()]).toEqual([{ offset: 0, endOffset: 7, line: 'lost ta', complete: false }])
  expect([...splitter.push(50, Buffer.from('il\n'))]).toEqual([
    { offset: 50, endOffset: 53, line: 'il', complete: true },
  ])
})
