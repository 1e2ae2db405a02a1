import type { Socket } from 'node:net'

/** Messages to the other side. While corked they are held back; uncorking sends them in one system call. */
export class Outbox {
  readonly #socket: Socket
  #corked = false
  #held: Buffer[] = []
  #heldBytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#socket.writableLength + this.#heldBytes
  }

  send(bytes: Buffer): void {
    if (this.#corked) {
      this.#held.push(bytes)
      this.#heldBytes += bytes.length
    } else {
      this.#socket.write(bytes)
    }
  }

  cork(): void {
    this.#corked = true
  }

  uncork(): void {
    this.#corked = false
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    this.#heldBytes = 0
    if (held.length > 1) this.#socket.cork()
    for (const bytes of held) this.#socket.write(bytes)
    if (held.length > 1) this.#socket.uncork()
  }
}
