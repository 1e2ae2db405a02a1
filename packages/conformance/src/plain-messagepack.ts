/** A value of a message that is not as documented, and where. */
export interface Oddity {
  readonly path: string
  readonly what: string
}

/**
 * Walks one MessagePack message and finds floats that hold whole numbers: a decoder gives the same number for both, so a
 * client in JavaScript would never notice, one in C or Go fails. Everything else was checked by the scanner.
 *
 * @param mayBeFloat paths of what really is a float.
 */
export function wholeFloats(message: Buffer, mayBeFloat: RegExp): Oddity[] {
  const found: Oddity[] = []
  let at = 0

  const take = (bytes: number): number => {
    at += bytes
    return bytes === 0 ? 0 : message.readUIntBE(at - bytes, bytes)
  }
  const skip = (bytes: number): void => {
    at += bytes
  }
  const text = (length: number): string => {
    at += length
    return message.toString('utf8', at - length, at)
  }
  const float = (value: number, path: string): void => {
    if (Number.isInteger(value) && !mayBeFloat.test(path)) found.push({ path, what: `the float ${value}` })
  }
  const key = (): string => {
    const head = take(1)
    return text(head < 0xc0 ? head & 0x1f : take(2 ** (head - 0xd9)))
  }
  const array = (count: number, path: string): void => {
    for (let index = 0; index < count; index += 1) walk(`${path}[${index}]`)
  }
  const map = (count: number, path: string): void => {
    for (let index = 0; index < count; index += 1) walk(`${path}.${key()}`)
  }
  const walk = (path: string): void => {
    const head = take(1)
    if (head < 0x80 || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) return
    if (head < 0x90) map(head & 0x0f, path)
    else if (head < 0xa0) array(head & 0x0f, path)
    else if (head < 0xc0) skip(head & 0x1f)
    else if (head <= 0xc6) skip(take(2 ** (head - 0xc4)))
    else if (head === 0xca) {
      skip(4)
      float(message.readFloatBE(at - 4), path)
    } else if (head === 0xcb) {
      skip(8)
      float(message.readDoubleBE(at - 8), path)
    } else if (head <= 0xcf) skip(2 ** (head - 0xcc))
    else if (head <= 0xd3) skip(2 ** (head - 0xd0))
    else if (head <= 0xdb) skip(take(2 ** (head - 0xd9)))
    else if (head <= 0xdd) array(take(2 ** (head - 0xdb)), path)
    else map(take(2 ** (head - 0xdd)), path)
  }
  walk('')
  return found
}
