/** What a file of a task's directory holds: the order of reading (0), stdout (1) or stderr (2). */
export type SegmentStream = 0 | 1 | 2

/** A part of an output, or of the order of reading, in a file of its own. */
export interface Segment {
  readonly stream: SegmentStream
  /** Offset of its first byte; for the order, the number of its first entry. */
  readonly from: number
}

/** An entry of the order: stream, offset, length and time (Unix ms), little-endian unsigned integers of 64 bits each. */
export const ORDER_ENTRY_BYTES = 32

export function segmentName({ stream, from }: Segment): string {
  return `${stream}.${String(from).padStart(16, '0')}`
}

/** Undefined for a name that is not a segment's, or of an offset that cannot be. */
export function parseSegmentName(name: string): Segment | undefined {
  const [, stream, digits] = /^([012])\.(\d{16})$/.exec(name) ?? []
  const from = Number(digits)
  return Number.isSafeInteger(from) ? { stream: Number(stream) as SegmentStream, from } : undefined
}
