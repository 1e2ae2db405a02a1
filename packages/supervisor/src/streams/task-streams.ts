import type { LaunchSpec, OrderResult, OutputStreamId, StreamId } from '@bgtask/protocol'
import type { StartedChild } from '../child/start.js'
import { Condition, pollUntil } from './condition.js'
import { InputStream } from './input.js'
import { OrderLog } from './order-log.js'
import { OutputStream } from './output.js'

/** What the streams report. */
export interface StreamEvents {
  /** All writers of an output of the present run are gone. */
  onEnd(): void
  onError(streamId: StreamId, error: Error): void
}

/** The task's stdin, stdout and stderr over all its runs, and the order in which the outputs were read. */
export class TaskStreams {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly #order = new OrderLog()
  readonly #orderChanged = new Condition()

  constructor(spec: Pick<LaunchSpec, 'maxReadBufSize' | 'overflow'>, { onEnd, onError }: StreamEvents) {
    const onChunk = (streamId: OutputStreamId, offset: number, length: number) => {
      this.#order.add(streamId, offset, length)
      this.#orderChanged.wake()
    }
    const common = { capacity: spec.maxReadBufSize, overflow: spec.overflow, onChunk, onEnd, onError }
    this.stdin = new InputStream((error) => onError(0, error))
    this.stdout = new OutputStream({ ...common, streamId: 1 })
    this.stderr = new OutputStream({ ...common, streamId: 2 })
  }

  output(streamId: OutputStreamId): OutputStream {
    return streamId === 1 ? this.stdout : this.stderr
  }

  /** Goes on with the pipes of a new run. */
  attach(child: StartedChild): void {
    this.stdin.attach(child.stdin)
    this.stdout.attach(child.stdout)
    this.stderr.attach(child.stderr)
  }

  /** Takes in what the pipes hold now. */
  drain(): void {
    this.stdout.drain()
    this.stderr.drain()
  }

  endOffsets(): { 1: number; 2: number } {
    return { 1: this.stdout.endOffset, 2: this.stderr.endOffset }
  }

  /** An output is at its end where its writers are gone and no start is pending. Returns those that have just reached it. */
  updateEof(final: boolean): OutputStreamId[] {
    const reached = ([1, 2] as const).filter((streamId) =>
      this.output(streamId).setEof(final && this.output(streamId).ended),
    )
    if (reached.length > 0) this.#orderChanged.wake()
    return reached
  }

  /** Keeps what the pipes hold now, and stops reading for good: the supervisor is about to end. */
  close(): void {
    this.drain()
    this.stdin.detach()
    this.stdout.detach()
    this.stderr.detach()
  }

  /** Chunks in the order of reading; a long poll with `waitMs`. */
  readOrder(request: { from?: number; maxChunks: number; waitMs: number }, signal: AbortSignal): Promise<OrderResult> {
    const from = request.from ?? 0
    const poll = () => {
      const { seq, chunks } = this.#order.read(from, request.maxChunks)
      const eof = this.stdout.eof && this.stderr.eof && seq + chunks.length === this.#order.endSeq
      return { found: chunks.length > 0 || eof, result: { seq, chunks, endSeq: this.#order.endSeq, eof } }
    }
    return pollUntil(this.#orderChanged, poll, request.waitMs, signal)
  }
}
