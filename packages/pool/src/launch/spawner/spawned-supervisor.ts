import { encodeFrame, type Frame, FrameKind } from './frames.js'
import { decodeFailure, type SpawnerFailure } from './spawner-launch.js'

/** Bytes of one stdin that the spawner has not reported as taken. */
const WINDOW_BYTES = 64 * 1024

/** What a caller learns of a supervisor that was started through a spawner, in this order. */
export interface SupervisorListener {
  /** Its program was executed. */
  onStarted?(pid: number): void
  /** Bytes that it wrote to stderr. */
  onStderr(chunk: Buffer): void
  /** Last, and once unless the supervisor is closed before: the end of its stderr. */
  onEnd(failure?: SpawnerFailure): void
}

/** What a supervisor needs of its spawner. */
export interface SpawnerLink {
  send(frame: Buffer): void
  forget(id: number): void
  refChanged(): void
}

/** A supervisor that was started through a spawner, or will be in a moment. */
export class SpawnedSupervisor {
  readonly #id: number
  readonly #link: SpawnerLink
  readonly #listener: SupervisorListener
  #pid: number | undefined
  #failure: SpawnerFailure | undefined
  #hasEnded = false
  #keepsAlive = true
  #stdin: Buffer | undefined
  #window = WINDOW_BYTES

  constructor(id: number, link: SpawnerLink, listener: SupervisorListener) {
    this.#id = id
    this.#link = link
    this.#listener = listener
  }

  /** Undefined until the spawner has reported it. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** Whether its stderr has ended, or it was closed. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether it keeps the program alive until it has ended. */
  get keepsAlive(): boolean {
    return this.#keepsAlive && !this.#hasEnded
  }

  setRef(ref: boolean): void {
    this.#keepsAlive = ref
    this.#link.refChanged()
  }

  /** Writes all that it gets on stdin, which then ends. Once. */
  end(stdin: Buffer): void {
    if (this.#hasEnded) return
    this.#stdin = stdin
    this.#sendStdin()
  }

  /** Closes its stdin and stderr: a supervisor that has not reported ready undoes its launch. No listener is called any more. */
  close(): void {
    if (this.#hasEnded) return
    this.#link.send(encodeFrame(FrameKind.close, this.#id))
    this.#end()
  }

  /** @internal For the spawner. */
  receive({ kind, payload }: Frame): void {
    if (kind === FrameKind.stderr) this.#listener.onStderr(payload)
    else if (kind === FrameKind.started) {
      this.#pid = payload.readInt32LE(0)
      this.#listener.onStarted?.(this.#pid)
    } else if (kind === FrameKind.failed) this.#failure = decodeFailure(payload)
    else if (kind === FrameKind.taken) {
      this.#window += payload.readUInt32LE(0)
      this.#sendStdin()
    } else if (kind === FrameKind.end) this.fail(this.#failure)
  }

  /** @internal For the spawner. */
  fail(failure: SpawnerFailure | undefined): void {
    if (this.#hasEnded) return
    this.#end()
    this.#listener.onEnd(failure)
  }

  #end(): void {
    this.#hasEnded = true
    this.#stdin = undefined
    this.#link.forget(this.#id)
  }

  #sendStdin(): void {
    while (this.#stdin !== undefined && this.#stdin.length > 0 && this.#window > 0) {
      const piece = this.#stdin.subarray(0, this.#window)
      this.#window -= piece.length
      this.#stdin = this.#stdin.subarray(piece.length)
      this.#link.send(encodeFrame(FrameKind.data, this.#id, piece))
    }
    if (this.#stdin?.length !== 0) return
    this.#stdin = undefined
    this.#link.send(encodeFrame(FrameKind.eof, this.#id))
  }
}
