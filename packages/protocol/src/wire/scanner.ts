import { isUtf8 } from 'node:buffer'
import { ProtocolError } from '../errors.js'
import { MESSAGE_LIMITS, type MessageLimits } from './limits.js'

const EMPTY = Buffer.alloc(0)

/** A loop over so few bytes takes less time than a call of Node's own check. */
const SHORT_TEXT_BYTES = 64

/** Least size of a buffer that gathers a message which comes in pieces. */
const MIN_GATHER_BYTES = 1024

/**
 * Finds where MessagePack messages end in a stream of bytes, and holds the bounds before anything is decoded: a header
 * that declares too much is refused when the header is there, not when its bytes are.
 *
 * Plain MessagePack only: no extensions, strings are UTF-8, map keys are strings, integers are safe in JavaScript (up to
 * 2^53 - 1 either way).
 * A message may come in any chunks; the cost stays linear in its bytes.
 */
export class MessageScanner {
  readonly #limits: MessageLimits
  /** Bytes `#start` to `#end` are not delivered yet, those before `#at` are scanned. */
  #buffer: Buffer = EMPTY
  #start = 0
  #at = 0
  #end = 0
  /** Whether the bytes after `#end` are ours to write: a chunk is the caller's. */
  #gathering = false

  /** Payload bytes to skip until the value at hand is complete; otherwise `#at` is at a value's first byte. */
  #skip = 0
  /** For each open array or map, how many values it waits for (a key and its value are two), and whether it is a map. */
  readonly #waiting: number[] = []
  readonly #isMap: boolean[] = []
  #depth = 0
  #elements = 0
  /** Bytes of the string at hand; 0 if the value at hand is none. */
  #textBytes = 0
  /** First byte of the float at hand; 0 if the value at hand is none. */
  #floatToken = 0
  #holdsWholeFloat = false
  #broken: ProtocolError | undefined

  constructor(limits: MessageLimits = MESSAGE_LIMITS) {
    this.#limits = limits
  }

  /** Bytes that were pushed and not delivered yet. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** Whether the message that `next` gave last holds a float which is a whole number, such as 1.0. */
  get heldWholeFloat(): boolean {
    return this.#holdsWholeFloat
  }

  /** Takes the next bytes of the stream. They are not copied where it can be helped, so the caller must not reuse them. */
  push(chunk: Uint8Array): void {
    if (this.#broken !== undefined) return
    if (this.#start === this.#end) {
      this.#buffer = asBuffer(chunk)
      this.#start = this.#at = 0
      this.#end = chunk.length
      this.#gathering = false
      return
    }
    if (!this.#gathering || this.#end + chunk.length > this.#buffer.length) this.#gather(chunk.length)
    this.#buffer.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /**
   * The next whole message, undefined where more bytes are needed. It is a view of bytes that are never written again.
   *
   * @throws ProtocolError when a bound or the grammar is broken; from then on always, since no later message can be found.
   */
  next(): Buffer | undefined {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#at === this.#start) this.#holdsWholeFloat = false
    if (!this.#scan()) return undefined
    const message = this.#buffer.subarray(this.#start, this.#at)
    this.#start = this.#at
    this.#elements = 0
    return message
  }

  /**
   * Moves what is pending to a larger buffer: twice the size that is needed now, so that moving costs little per byte, or at
   * once for all of a long value whose length is known.
   */
  #gather(moreBytes: number): void {
    const pending = this.#buffer.subarray(this.#start, this.#end)
    const needed = pending.length + moreBytes
    const whole = pending.length + this.#skip + MIN_GATHER_BYTES
    // A header alone must not make us allocate what it declares.
    const size = Math.max(2 * needed, Math.min(whole, 16 * needed), MIN_GATHER_BYTES)
    this.#buffer = Buffer.allocUnsafeSlow(size)
    this.#buffer.set(pending)
    this.#at -= this.#start
    this.#start = 0
    this.#end = pending.length
    this.#gathering = true
  }

  /** Goes on to the end of the message; false where the bytes end first. */
  #scan(): boolean {
    for (;;) {
      if (this.#skip === 0) {
        if (this.#at === this.#end) return false
        const token = this.#buffer[this.#at] as number
        const length = HEADER_BYTES[token] as number
        if (this.#at + length > this.#end) return false
        if (this.#readHeader(token, length)) continue
      }
      const skipped = Math.min(this.#skip, this.#end - this.#at)
      this.#at += skipped
      this.#skip -= skipped
      if (this.#skip > 0) return false
      this.#checkText()
      this.#noteFloat()
      if (this.#closeValue()) return true
    }
  }

  /** Takes a value's header; true where it opened an array or map that waits for values. */
  #readHeader(token: number, length: number): boolean {
    const kind = KIND[token] as Kind
    if (kind === 'refused') this.#break(`a value of type 0x${token.toString(16)}, which is not plain MessagePack`)
    if (kind !== 'string' && this.#atKey()) this.#break('a map key that is not a string')
    const header = this.#at
    this.#at += length
    switch (kind) {
      case 'array':
      case 'map':
        return this.#open(kind === 'map', token < 0xa0 ? token & 0x0f : this.#readLength(header, length))
      case 'string':
      case 'bin':
        this.#skip = token < 0xc0 ? token & 0x1f : this.#readLength(header, length)
        if (kind === 'string') this.#textBytes = this.#skip
        break
      case 'int64':
        if (!isSafe(token, this.#buffer, header + 1)) this.#break('an integer beyond 2^53 - 1')
        break
      case 'number':
        if (token === FLOAT32 || token === FLOAT64) this.#floatToken = token
        this.#skip = NUMBER_BYTES[token] as number
    }
    this.#holdBytes(this.#skip)
    return false
  }

  #checkText(): void {
    const length = this.#textBytes
    if (length === 0) return
    this.#textBytes = 0
    if (!isText(this.#buffer, this.#at - length, this.#at)) this.#break('a string that is not UTF-8')
  }

  #noteFloat(): void {
    const token = this.#floatToken
    if (token === 0) return
    this.#floatToken = 0
    const value = token === FLOAT32 ? this.#buffer.readFloatBE(this.#at - 4) : this.#buffer.readDoubleBE(this.#at - 8)
    if (Number.isInteger(value)) this.#holdsWholeFloat = true
  }

  #atKey(): boolean {
    const top = this.#depth - 1
    return top >= 0 && this.#isMap[top] === true && (this.#waiting[top] as number) % 2 === 0
  }

  #readLength(header: number, length: number): number {
    return this.#buffer.readUIntBE(header + 1, length - 1)
  }

  #open(isMap: boolean, count: number): boolean {
    const values = isMap ? 2 * count : count
    this.#elements += count
    if (this.#elements > this.#limits.maxElements) this.#break(`more than ${this.#limits.maxElements} elements`)
    if (this.#depth === this.#limits.maxDepth) this.#break(`more than ${this.#limits.maxDepth} levels`)
    this.#holdBytes(values)
    if (values === 0) return false
    this.#waiting[this.#depth] = values
    this.#isMap[this.#depth] = isMap
    this.#depth++
    return true
  }

  #holdBytes(declared: number): void {
    if (this.#at - this.#start + declared > this.#limits.maxMessageBytes) {
      this.#break(`more than ${this.#limits.maxMessageBytes} bytes`)
    }
  }

  /** Counts a complete value, and the arrays and maps that it completes; true where that was the whole message. */
  #closeValue(): boolean {
    while (this.#depth > 0) {
      const left = (this.#waiting[this.#depth - 1] as number) - 1
      this.#waiting[this.#depth - 1] = left
      if (left > 0) return false
      this.#depth--
    }
    return true
  }

  #break(what: string): never {
    this.#broken = new ProtocolError(`a message holds ${what}`)
    this.#buffer = EMPTY
    this.#start = this.#at = this.#end = 0
    throw this.#broken
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function isText(buffer: Buffer, start: number, end: number): boolean {
  if (end - start > SHORT_TEXT_BYTES) return isUtf8(buffer.subarray(start, end))
  for (let at = start; at < end; at += 1) {
    if ((buffer[at] as number) >= 0x80) return isUtf8(buffer.subarray(at, end))
  }
  return true
}

/** Whether the 64 bits there are an integer that a JavaScript number holds exactly. */
function isSafe(token: number, buffer: Buffer, at: number): boolean {
  const low = buffer.readUInt32BE(at + 4)
  const high = token === UINT64 ? buffer.readUInt32BE(at) : buffer.readInt32BE(at)
  return high < 2 ** 21 && (high > -(2 ** 21) || (high === -(2 ** 21) && low !== 0))
}

const FLOAT32 = 0xca
const FLOAT64 = 0xcb
const UINT64 = 0xcf
const INT64 = 0xd3

/** `single` values are their first byte alone; `int64` is looked at, other numbers are only skipped. */
type Kind = 'single' | 'number' | 'int64' | 'string' | 'bin' | 'array' | 'map' | 'refused'

/** By a value's first byte: its kind, the bytes of its header, and for plain numbers those after it. */
const KIND: readonly Kind[] = new Array<Kind>(256)
  .fill('single', 0x00, 0x80)
  .fill('map', 0x80, 0x90)
  .fill('array', 0x90, 0xa0)
  .fill('string', 0xa0, 0xc0)
  .fill('refused', 0xc0, 0xe0)
  .fill('single', 0xc0, 0xc1)
  .fill('single', 0xc2, 0xc4)
  .fill('bin', 0xc4, 0xc7)
  .fill('number', 0xca, 0xd3)
  .fill('int64', UINT64, UINT64 + 1)
  .fill('int64', INT64, INT64 + 1)
  .fill('string', 0xd9, 0xdc)
  .fill('array', 0xdc, 0xde)
  .fill('map', 0xde, 0xe0)
  .fill('single', 0xe0)
const HEADER_BYTES = new Uint8Array(256).fill(1)
HEADER_BYTES.set([2, 3, 5], 0xc4)
HEADER_BYTES.set([2, 3, 5, 3, 5, 3, 5], 0xd9)
HEADER_BYTES[UINT64] = HEADER_BYTES[INT64] = 9
const NUMBER_BYTES: Readonly<Record<number, number>> = {
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  208: 1,
  209: 2,
  210: 4,
}
