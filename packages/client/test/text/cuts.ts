import fc from 'fast-check'

/** Text with what is hard about text: several bytes a character, line ends of both kinds, nothing at all. */
export const outputText = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\r\n', '\r', 'a', 'é', '€', '🙂', '\u{10ffff}', '\ufeff', 'key=12;'),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

/** Bytes that may be no UTF-8: text, and pieces of it cut anywhere. */
export const outputBytes = fc
  .array(
    fc.oneof(
      outputText.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 6 }).map(Buffer.from),
    ),
    {
      maxLength: 6,
    },
  )
  .map((parts) => Buffer.concat(parts))

/** A part of a whole, evenly spread: of all doubles, most lie next to 0. */
export const part = fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000)

/** Where to cut, as parts of the whole. */
export const cuts = fc.array(part, { maxLength: 12 })

/** The same bytes in chunks that follow one another, the first at `offset`. */
export function chunksOf(bytes: Buffer, at: readonly number[], offset = 0): { offset: number; data: Buffer }[] {
  const borders = [0, ...at.map((part) => Math.round(part * bytes.length)).sort((a, b) => a - b), bytes.length]
  return borders.slice(1).map((end, index) => {
    const start = borders[index] as number
    return { offset: offset + start, data: bytes.subarray(start, end) }
  })
}
