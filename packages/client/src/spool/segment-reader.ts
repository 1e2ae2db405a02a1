import { closeSync, fstatSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { ORDER_ENTRY_BYTES, type SegmentStream } from '@bgtask/os'

const readFile = promisify(read)

const NOTHING = Buffer.alloc(0)

/** How often a listing may be outdated before a segment of it is opened: segments are deleted while they are read. */
const MAX_LISTINGS = 16

/** Whole units (bytes, or entries of the order) that lie in a row from number `at` on. */
export interface Units {
  readonly at: number
  readonly data: Buffer
}

/** What reading needs of a task's directory. */
export interface SegmentFiles {
  /** Numbers of the first units of a stream's segments, in order. */
  starts(stream: SegmentStream): number[]
  /** A descriptor of one for reading; undefined if it was deleted. */
  open(stream: SegmentStream, start: number): number | undefined
}

/** Reads segments that a supervisor may be writing and deleting. One read at a time. */
export class SegmentReader {
  readonly #files: SegmentFiles
  readonly #stream: SegmentStream
  readonly #unitBytes: number
  #segment: { readonly start: number; readonly fd: number } | undefined
  #reading: Promise<unknown> = Promise.resolve()

  constructor(files: SegmentFiles, stream: SegmentStream) {
    this.#files = files
    this.#stream = stream
    this.#unitBytes = stream === 0 ? ORDER_ENTRY_BYTES : 1
  }

  /** Reads up to `max` units from number `from` on, or from the next one that is kept. Without `data` there is none yet. */
  async read(from: number, max: number): Promise<Units> {
    const reading = this.#read(from, max)
    this.#reading = reading.catch(() => {})
    return reading
  }

  /** Numbers of the first unit that is kept and of the one behind the last; undefined if there is no segment. */
  bounds(): { first: number; end: number } | undefined {
    for (let left = MAX_LISTINGS; left > 0; left -= 1) {
      const starts = this.#files.starts(this.#stream)
      const [first, last] = [starts[0], starts.at(-1)]
      if (first === undefined || last === undefined) return undefined
      if (this.#open(last)) return { first, end: last + this.#unitsOfSegment() }
    }
    return undefined
  }

  /** A read that is under way ends first. */
  close(): void {
    const segment = this.#segment
    this.#segment = undefined
    if (segment !== undefined) void this.#reading.then(() => closeSync(segment.fd))
  }

  async #read(from: number, max: number): Promise<Units> {
    const at = from
    let data = await this.#readSegment(from, max)
    for (let left = MAX_LISTINGS; data.length === 0 && left > 0; left -= 1) {
      const starts = this.#files.starts(this.#stream)
      // The segment may have grown to its end, and the next one may have been made, between the read and the listing.
      data = await this.#readSegment(from, max)
      if (data.length > 0) break
      const start = starts.findLast((start) => start <= from)
      if (start !== undefined && start !== this.#segment?.start) {
        if (!this.#open(start)) continue
        data = await this.#readSegment(from, max)
        if (data.length > 0) break
      }
      const next = starts.find((start) => start > from)
      if (next === undefined) break
      if (this.#open(next)) return { at: next, data: await this.#readSegment(next, max) }
    }
    return { at, data }
  }

  /** What the open segment has at `from`. */
  async #readSegment(from: number, max: number): Promise<Buffer> {
    const segment = this.#segment
    if (segment === undefined || from < segment.start) return NOTHING
    const units = Math.min(max, segment.start + this.#unitsOfSegment() - from)
    if (units <= 0) return NOTHING
    const length = units * this.#unitBytes
    const position = (from - segment.start) * this.#unitBytes
    const { buffer, bytesRead } = await readFile(segment.fd, Buffer.allocUnsafe(length), 0, length, position)
    return buffer.subarray(0, bytesRead - (bytesRead % this.#unitBytes))
  }

  #unitsOfSegment(): number {
    return this.#segment === undefined ? 0 : Math.floor(fstatSync(this.#segment.fd).size / this.#unitBytes)
  }

  /** False if it was deleted; the segment before stays open then. */
  #open(start: number): boolean {
    if (this.#segment?.start === start) return true
    const fd = this.#files.open(this.#stream, start)
    if (fd === undefined) return false
    if (this.#segment !== undefined) closeSync(this.#segment.fd)
    this.#segment = { start, fd }
    return true
  }
}
