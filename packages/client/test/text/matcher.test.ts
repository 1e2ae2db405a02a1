import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Matcher, type OutputMatch } from '../../src/text/matcher.js'
import { chunksOf, cuts, outputBytes } from './cuts.js'

const WINDOW = 64

function find(pattern: RegExp | string, chunks: { offset: number; data: Buffer }[]): OutputMatch | undefined {
  const matcher = new Matcher(pattern, WINDOW)
  for (const { offset, data } of chunks) {
    const match = matcher.push(offset, data)
    if (match !== undefined) return match
  }
  return undefined
}

test('a match has its bytes, its text and what the groups captured', () => {
  const data = Buffer.from('€€ port=8080; next')
  expect(find(/port=(?<port>\d+);(x)?/, [{ offset: 1000, data }])).toEqual({
    offset: 1007,
    endOffset: 1017,
    text: 'port=8080;',
    captures: ['8080', undefined],
    groups: { port: '8080' },
  })
})

test('a string is found where it stands, wherever the chunks were cut and whatever is around it', () => {
  fc.assert(
    fc.property(outputBytes, outputBytes, cuts, fc.nat(1000), (before, after, at, offset) => {
      const bytes = Buffer.concat([before, Buffer.from('[ré🙂dy].*'), after])
      const match = find('[ré🙂dy].*', chunksOf(bytes, at, offset))
      expect(match).toMatchObject({ offset: offset + bytes.indexOf('[ré🙂dy].*'), text: '[ré🙂dy].*', captures: [] })
      expect((match?.endOffset ?? 0) - (match?.offset ?? 0)).toBe(Buffer.byteLength('[ré🙂dy].*'))
    }),
  )
})

test('a RegExp finds what it finds in the whole text', () => {
  fc.assert(
    fc.property(outputBytes, cuts, (bytes, at) => {
      const whole = /key=(\d+);/.exec(bytes.toString('utf8'))
      expect(find(/key=(\d+);/, chunksOf(bytes, at))?.captures).toEqual(whole?.slice(1))
    }),
  )
})

test.each(['g', 'y', 'gy'])('flag %s, which would make one search depend on the last, does not', (flags) => {
  const pattern = new RegExp('a', flags)
  pattern.lastIndex = 5
  expect(find(pattern, [{ offset: 0, data: Buffer.from('a') }])?.offset).toBe(0)
  expect(pattern.lastIndex).toBe(5)
})

test('flags that change what matches are kept', () => {
  expect(find(/^B.C$/ims, [{ offset: 0, data: Buffer.from('a\nb\nc\n') }])?.offset).toBe(2)
})

test('a match may be as long as the window, and a string longer', () => {
  const long = 'x'.repeat(WINDOW - 2)
  const text = Buffer.from(`${'-'.repeat(1000)}<${long}>`)
  const bytewise = [...text.keys()].map((offset) => ({ offset, data: text.subarray(offset, offset + 1) }))
  expect(find(/<x+>/, bytewise)?.offset).toBe(1000)
  const longer = 'xy'.repeat(WINDOW)
  expect(find(longer, chunksOf(Buffer.from(`${'-'.repeat(10)}${longer}`), [0.3, 0.6]))?.offset).toBe(10)
})

test('nothing is matched across a reset', () => {
  const matcher = new Matcher('ab', WINDOW)
  expect(matcher.push(0, Buffer.from('a'))).toBeUndefined()
  matcher.reset()
  expect(matcher.push(10, Buffer.from('b'))).toBeUndefined()
  expect(matcher.push(11, Buffer.from('ab'))).toMatchObject({ offset: 11, endOffset: 13 })
})

// It was an error of JavaScript's own, about a property of undefined.
test.each([undefined, null, 5, {}])('what is neither a string nor a RegExp is refused: %j', (pattern) => {
  expect(() => new Matcher(pattern as never, WINDOW)).toThrow(/^pattern must be a string or a RegExp, got /)
})
