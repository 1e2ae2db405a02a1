import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8Offset, wholeUtf8Length } from '../../src/text/utf8.js'
import { outputBytes, outputText } from './cuts.js'

test.each([
  ['nothing', [], 0],
  ['ASCII', [0x61, 0x62], 2],
  ['a whole sequence', [0x61, 0xe2, 0x82, 0xac], 4],
  ['two of three bytes', [0x61, 0xe2, 0x82], 1],
  ['one of two bytes', [0xc3], 0],
  ['three of four bytes', [0xf0, 0x9f, 0x99], 0],
  ['a byte that begins nothing', [0x61, 0xff], 2],
  ['a continuation without a beginning', [0x80, 0x80, 0x80, 0x80], 4],
  ['a beginning that went wrong already', [0xe0, 0x80], 2],
  ['half a surrogate', [0xed, 0xa0], 2],
])('holds back what a further byte could complete: %s', (_, bytes, whole) => {
  expect(wholeUtf8Length(Uint8Array.from(bytes))).toBe(whole)
})

test('never cuts a character, and holds back three bytes at most', () => {
  fc.assert(
    fc.property(outputText, fc.nat(), (text, at) => {
      const bytes = Buffer.from(text)
      const end = at % (bytes.length + 1)
      const whole = wholeUtf8Length(bytes, end)
      expect(end - whole).toBeLessThanOrEqual(3)
      expect(bytes.toString('utf8', 0, whole) + bytes.toString('utf8', whole)).toBe(text)
    }),
  )
})

test('finds the byte at which a character of the decoded text begins, malformed bytes included', () => {
  fc.assert(
    fc.property(outputBytes, fc.nat(), (bytes, at) => {
      const characters = [...bytes.toString('utf8')]
      const before = characters.slice(0, at % (characters.length + 1)).join('')
      const offset = utf8Offset(bytes, before.length)
      expect(bytes.toString('utf8', 0, offset)).toBe(before)
      expect(bytes.toString('utf8', offset)).toBe(characters.slice(before === '' ? 0 : [...before].length).join(''))
    }),
  )
})
