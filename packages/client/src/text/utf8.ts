/**
 * The greatest `length` at or below `end` such that `bytes.subarray(0, length)` cuts no UTF-8 sequence in two.
 * Bytes that no further byte could complete are not held back.
 */
export function wholeUtf8Length(bytes: Uint8Array, end = bytes.length): number {
  // A sequence has at most four bytes, so only the last three before `end` can begin one that is cut.
  for (let start = end - 1; start >= 0 && start >= end - 3; start -= 1) {
    const lead = bytes[start] as number
    if (isContinuation(lead)) continue
    const cut = sequenceLength(bytes, start, end) === end - start && end - start < expectedLength(lead)
    return cut ? start : end
  }
  return end
}

/**
 * Byte offset of the character that has `index` UTF-16 units before it in the decoded text. Exact for malformed
 * bytes too, where decoding puts one U+FFFD for each maximal malformed part (WHATWG Encoding).
 */
export function utf8Offset(bytes: Uint8Array, index: number): number {
  let offset = 0
  for (let units = 0; units < index && offset < bytes.length; ) {
    const length = sequenceLength(bytes, offset, bytes.length)
    units += length === 4 ? 2 : 1
    offset += length
  }
  return offset
}

/** Bytes at `start` that decode together: a whole sequence, or the longest valid beginning of one. */
function sequenceLength(bytes: Uint8Array, start: number, end: number): number {
  const lead = bytes[start] as number
  const expected = expectedLength(lead)
  let length = 1
  while (length < expected && start + length < end && mayFollow(lead, length, bytes[start + length] as number))
    length += 1
  return length
}

function expectedLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2
  if (lead >= 0xe0 && lead <= 0xef) return 3
  if (lead >= 0xf0 && lead <= 0xf4) return 4
  return 1
}

/** The second byte has a narrower range after some leads: no overlong forms, no surrogates, nothing above U+10FFFF. */
function mayFollow(lead: number, position: number, byte: number): boolean {
  if (!isContinuation(byte)) return false
  if (position > 1) return true
  if (lead === 0xe0) return byte >= 0xa0
  if (lead === 0xed) return byte <= 0x9f
  if (lead === 0xf0) return byte >= 0x90
  return lead !== 0xf4 || byte <= 0x8f
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
