const LF = 0x0a

/** A line that never ends must not fill the memory: it is shown in pieces of 1 MiB. */
const MAX_LINE_BYTES = 1024 * 1024

/** A line with its line end. */
export interface Line {
  readonly offset: number
  readonly data: Buffer
}

/** Cuts the bytes of one stream into lines. */
export class LineBuffer {
  #rest: Buffer = Buffer.alloc(0)
  #offset = 0;

  *push(offset: number, data: Uint8Array): Generator<Line> {
    if (this.#rest.length === 0) this.#offset = offset
    const bytes = Buffer.concat([this.#rest, data])
    let start = 0
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      yield { offset: this.#offset + start, data: bytes.subarray(start, end + 1) }
      start = end + 1
    }
    this.#rest = bytes.subarray(start)
    this.#offset += start
    if (this.#rest.length > MAX_LINE_BYTES) yield* this.end()
  }

  /** What is left of a line that was not finished, with a line end of ours. */
  *end(): Generator<Line> {
    if (this.#rest.length > 0) yield { offset: this.#offset, data: Buffer.concat([this.#rest, Buffer.of(LF)]) }
    this.#rest = Buffer.alloc(0)
  }
}
