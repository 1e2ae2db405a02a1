import type { Writable } from 'node:stream'

/** Bytes (of each output) that wait for the terminal; while there are more, the child waits, as it would for its own terminal. */
const MAX_QUEUED_BYTES = 256 * 1024

/** A terminal that takes nothing for so long (ms) is held up by somebody: the task goes on without it. */
const STALL_MS = 5_000

/** Writes what comes from an output to the launcher's terminal as well, which may be slow, stop, or go. */
export class Mirror {
  readonly #sink: Writable
  readonly #onRoom: () => void
  #state: 'open' | 'stalled' | 'gone' = 'open'
  #skipped = 0
  #stall: NodeJS.Timeout | undefined
  #onTaken = () => {}

  /** @param onRoom called when it may no longer be full. */
  constructor(sink: Writable, onRoom: () => void) {
    this.#sink = sink
    this.#onRoom = onRoom
    sink.on('error', () => this.#giveUp())
  }

  /** More should not come before there is room. */
  get isFull(): boolean {
    return this.#state === 'open' && this.#sink.writableLength >= MAX_QUEUED_BYTES
  }

  /** Takes a copy. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#state === 'gone') return
    if (this.#state === 'stalled') this.#skipped += bytes.length
    else this.#write(Buffer.from(bytes))
  }

  /** Resolves when everything was taken, or can no longer be. */
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
      // A file is written at once: the disk may be full.
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

  /** Nobody reads it any more (EPIPE), or it cannot be written. */
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
