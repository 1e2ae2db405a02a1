/**
 * The frames between a pool and its spawner, as `packages/supervisor-native/src/spawner/mod.rs` describes them:
 * kind, id and length, each 32 bits and little-endian, then the payload.
 */
export const FrameKind = {
  launch: 1,
  data: 2,
  eof: 3,
  close: 4,
  started: 5,
  failed: 6,
  taken: 7,
  stderr: 8,
  end: 9,
} as const

export interface Frame {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

const HEADER_BYTES = 12

/** The spawner sends no payload above 64 KiB. */
const MAX_PAYLOAD_BYTES = 64 * 1024

export function encodeFrame(kind: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  frame.writeUInt32LE(kind, 0)
  frame.writeUInt32LE(id, 4)
  frame.writeUInt32LE(payload.length, 8)
  payload.copy(frame, HEADER_BYTES)
  return frame
}

/** Splits the bytes that come from a spawner into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** @throws RangeError for a frame that no spawner sends. */
  push(chunk: Buffer): readonly Frame[] {
    const frames: Frame[] = []
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(8)
      if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`a frame of ${length} bytes came from the spawner`)
      const end = HEADER_BYTES + length
      if (bytes.length < end) break
      const [kind, id] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
      frames.push({ kind, id, payload: bytes.subarray(HEADER_BYTES, end) })
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
    return frames
  }
}
