import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InertText } from '../../src/browser/text/inert-text.js'

const ESC = '\x1b'

describe('the terminal receives', () => {
  test.each([
    { name: 'text, lines, tabs, carriage returns', text: 'a\tb\r\n\bc ü 漢 😀', kept: 'a\tb\r\n\bc ü 漢 😀' },
    { name: 'colours', text: `${ESC}[1;38;2;255;0;9mx${ESC}[0m`, kept: `${ESC}[1;38;2;255;0;9mx${ESC}[0m` },
    { name: 'a progress bar that moves up and erases', text: `${ESC}[2A${ESC}[K50%\r`, kept: `${ESC}[2A${ESC}[K50%\r` },
    { name: 'clearing of the screen', text: `${ESC}[H${ESC}[2J`, kept: `${ESC}[H${ESC}[2J` },
    { name: 'no erasure of the scrollback', text: `a${ESC}[3Jb`, kept: 'ab' },
    { name: 'no title', text: `a${ESC}]0;evil\x07b${ESC}]2;evil${ESC}\\c`, kept: 'abc' },
    {
      name: 'no link (OSC 8), but its text',
      text: `${ESC}]8;;http://evil.example\x07click${ESC}]8;;\x07`,
      kept: 'click',
    },
    { name: 'no clipboard (OSC 52)', text: `a${ESC}]52;c;ZXZpbA==\x07b`, kept: 'ab' },
    { name: 'no palette', text: `a${ESC}]4;1;rgb:00/00/00\x07${ESC}]10;#000\x07b`, kept: 'ab' },
    {
      name: 'no device string, privacy message or application command',
      text: `a${ESC}P1$qm${ESC}\\${ESC}^x${ESC}\\${ESC}_x${ESC}\\b`,
      kept: 'ab',
    },
    { name: 'no more than the line of an unterminated string dropped', text: `a${ESC}]0;evil\nb`, kept: 'a\nb' },
    { name: 'no alternate screen, mouse or paste mode', text: `${ESC}[?1049h${ESC}[?1000h${ESC}[?2004ha`, kept: 'a' },
    { name: 'no queries', text: `${ESC}[c${ESC}[6n${ESC}[>q${ESC}[18ta`, kept: 'a' },
    { name: 'no reset', text: `a${ESC}cb${ESC}[!pc`, kept: 'abc' },
    { name: 'no other character set', text: `${ESC}(0lqk\x0e\x0f`, kept: 'lqk' },
    { name: 'no scroll region, no scrolling', text: `${ESC}[2;3r${ESC}[9999S${ESC}[9999Ta`, kept: 'a' },
    { name: 'no huge repetition', text: `a${ESC}[999999999b`, kept: 'a' },
    { name: 'no huge counts', text: `a${ESC}[99999Ab`, kept: 'ab' },
    { name: 'no bell', text: 'a\x07b\0c', kept: 'abc' },
    {
      name: 'C1 controls as their code points',
      text: 'a\u009b31mb\u009d0;evil\u009c',
      kept: 'a<U+009B>31mb<U+009D>0;evil<U+009C>',
    },
    { name: 'bidi controls as their code points', text: 'a\u202eexe.\u2066b', kept: 'a<U+202E>exe.<U+2066>b' },
    {
      name: 'no aborted sequence',
      text: `a${ESC}[31\nb${ESC}${ESC}[1mc`,
      kept: `a\nb${ESC}[1mc`,
    },
  ])('$name', ({ text, kept }) => {
    expect(new InertText().push(text)).toBe(kept)
  })
})

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ESC,
        '[',
        ']',
        '?',
        ';',
        '0',
        '8',
        '9',
        'm',
        'h',
        'J',
        'P',
        '\\',
        '\x07',
        '\n',
        '\u009b',
        '\u202e',
        '(',
      ),
      fc.string(),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

test('the result does not depend on where the text is split', () => {
  fc.assert(
    fc.property(hostile, fc.array(fc.nat(200)), (text, cuts) => {
      const whole = new InertText().push(text)
      const inert = new InertText()
      let [pieces, at] = ['', 0]
      for (const cut of [...cuts].sort((a, b) => a - b)) {
        pieces += inert.push(text.slice(at, Math.max(at, cut)))
        at = Math.max(at, cut)
      }
      expect(pieces + inert.push(text.slice(at))).toBe(whole)
    }),
    { numRuns: 2_000 },
  )
})

test('for any input, the result contains only plain text, four controls and short allowed sequences', () => {
  const plain = String.raw`[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|[\n\r\t\b]`
  const sequence = String.raw`\x1b[78]|\x1b\[[\d;:]{0,64}[mABCDEFGHfdJKXP@su]`
  const allowed = new RegExp(`^(?:${plain}|${sequence})*$`)
  fc.assert(
    fc.property(hostile, (text) => {
      expect(new InertText().push(text)).toMatch(allowed)
    }),
    { numRuns: 2_000 },
  )
})

test('a sequence with a thousand parameters is dropped in linear time', () => {
  const text = `${ESC}[${'1'.repeat(100_000)}x${ESC}[${';'.repeat(100_000)}m`
  expect(new InertText().push(text)).toBe('')
})
