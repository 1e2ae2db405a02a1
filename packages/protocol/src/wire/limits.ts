/**
 * What one message may hold. They bound what a hostile peer can make us allocate: a receiver disconnects who exceeds
 * them, a sender refuses to encode what would.
 */
export interface MessageLimits {
  /** Bytes of a whole message, headers included. */
  readonly maxMessageBytes: number
  /** Arrays and maps inside each other, the message's own array included. */
  readonly maxDepth: number
  /** Array items and map entries, summed over a message. */
  readonly maxElements: number
}

/** Bounds of a message on a task's socket: 1 MiB, 32 levels, 65,536 elements. */
export const MESSAGE_LIMITS: MessageLimits = { maxMessageBytes: 1024 * 1024, maxDepth: 32, maxElements: 65_536 }
