import { wholeUtf8Length } from './utf8.js'

/** A line of output. */
export interface OutputLine {
  readonly gap?: never
  /** Byte offset of the line. */
  readonly offset: number
  /** Byte offset after its line end: pass it as `from` to continue after the line. */
  readonly endOffset: number
  /** The text without its `\n` or `\r\n`. Malformed UTF-8 becomes U+FFFD. */
  readonly line: string
  /** False if it was cut: by `maxLineBytes`, by a gap, or because the output ended without a line end. */
  readonly complete: boolean
}

const LF = 0x0a
const CR = 0x0d

/**
 * Makes lines from consecutive chunks. Holds at most `maxLineBytes` of an unfinished line; a longer one
 * is cut into pieces, between characters.
 */
export class LineSplitter {
  readonly #maxLineBytes: number
  #parts: Uint8Array[] = []
  #held = 0
  #offset = 0

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes
  }

  /** Whether there is an unfinished line. */
  get holds(): boolean {
    return this.#held > 0
  }

  /** Byte offset of the unfinished line. */
  get offset(): number {
    return this.#offset
  }

  /** One past the last byte pushed. */
  get endOffset(): number {
    return this.#offset + this.#held
  }

  *push(offset: number, data: Uint8Array): Generator<OutputLine> {
    if (this.#held === 0) this.#offset = offset
    let start = 0
    while (start < data.length) {
      const room = this.#maxLineBytes - this.#held
      const found = data.subarray(start, start + room).indexOf(LF)
      const end = found === -1 ? Math.min(data.length, start + room) : start + found + 1
      this.#hold(data.subarray(start, end))
      start = end
      if (found !== -1) yield this.#take(this.#held, true)
      else if (this.#held === this.#maxLineBytes) yield this.#takePiece()
    }
  }

  /** Yields the unfinished line, if any; the next push may begin at any offset. */
  *end(): Generator<OutputLine> {
    if (this.#held > 0) yield this.#take(this.#held, false)
  }

  #hold(part: Uint8Array): void {
    this.#parts.push(part)
    this.#held += part.length
  }

  #takePiece(): OutputLine {
    const bytes = Buffer.concat(this.#parts)
    return this.#take(wholeUtf8Length(bytes) || bytes.length, false)
  }

  #take(length: number, complete: boolean): OutputLine {
    const bytes = this.#parts.length === 1 ? asBuffer(this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts)
    const offset = this.#offset
    this.#parts = length < bytes.length ? [bytes.subarray(length)] : []
    this.#held = bytes.length - length
    this.#offset = offset + length
    const textEnd = complete ? lineTextEnd(bytes, length) : length
    return { offset, endOffset: this.#offset, line: bytes.toString('utf8', 0, textEnd), complete }
  }
}

function lineTextEnd(bytes: Uint8Array, length: number): number {
  return bytes[length - 2] === CR ? length - 2 : length - 1
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
