import type { Writable } from 'node:stream'

/** Bytes (of each output) queued for the terminal; above this the child blocks, as it would on its own terminal. */
const MAX_QUEUED_BYTES = 256 * 1024

/** After this time (ms) without a write, the terminal counts as stopped, and the task continues without it. */
const STALL_MS = 5_000

/** Copies an output to the launcher's terminal, which may be slow, stop, or go away. */
export class Mirror {
  readonly #sink: Writable
  readonly #onRoom: () => void
  #state: 'open' | 'stalled' | 'gone' = 'open'
  #skipped = 0
  #stall: NodeJS.Timeout | undefined
  #onTaken = () => {}

  /** @param onRoom called when there may be room again. */
  constructor(sink: Writable, onRoom: () => void) {
    this.#sink = sink
    this.#onRoom = onRoom
    sink.on('error', () => this.#giveUp())
  }

  /** Whether the caller should wait for room. */
  get isFull(): boolean {
    return this.#state === 'open' && this.#sink.writableLength >= MAX_QUEUED_BYTES
  }

  /** Copies the bytes. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#state === 'gone') return
    if (this.#state === 'stalled') this.#skipped += bytes.length
    else this.#write(Buffer.from(bytes))
  }

  /** Resolves when all was written, or can no longer be. */
  async flushed(): Promise<void> {
    while (this.#state === 'open' && this.#sink.writableLength > 0) {
      await new Promise<void>((resolve) => {
        this.#onTaken = resolve
      })
    }
  }

  #write(bytes: Buffer): void {
    this.#stall ??= setTimeout(() => this.#stalled(), STALL_MS)
    try {
      this.#sink.write(bytes, (error) => (error == null ? this.#taken() : this.#giveUp()))
    } catch {
      // A file is written synchronously: the disk may be full.
      this.#giveUp()
    }
  }

  #taken(): void {
    clearTimeout(this.#stall)
    this.#stall = undefined
    if (this.#sink.writableLength > 0) this.#stall = setTimeout(() => this.#stalled(), STALL_MS)
    else if (this.#state === 'stalled') this.#goOn()
    this.#changed()
  }

  #stalled(): void {
    this.#state = 'stalled'
    this.#changed()
  }

  #goOn(): void {
    this.#state = 'open'
    const skipped = this.#skipped
    this.#skipped = 0
    if (skipped > 0) this.#write(Buffer.from(`\n[bgtask: ${skipped} bytes were not shown]\n`))
  }

  /** It has no reader any more (EPIPE), or cannot be written. */
  #giveUp(): void {
    clearTimeout(this.#stall)
    this.#state = 'gone'
    this.#changed()
  }

  #changed(): void {
    if (!this.isFull) this.#onRoom()
    this.#onTaken()
  }
}
