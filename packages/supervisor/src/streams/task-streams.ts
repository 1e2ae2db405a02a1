import type { LaunchSpec, OrderedChunk, OrderResult, OutputStreamId, StreamId } from '@bgtask/protocol'
import type { StartedChild } from '../child/start.js'
import type { TaskDirectory } from '../directory/task-directory.js'
import { Condition, pollUntil } from './condition.js'
import { InputStream } from './input.js'
import { OrderLog } from './order-log.js'
import { OutputStream } from './output.js'
import { openSpoolFiles, Spool } from './spool/spool.js'

/** Callbacks of the streams. */
export interface StreamEvents {
  /** All writers of an output of the current run are gone. */
  onEnd(): void
  onError(streamId: StreamId, error: Error): void
  log(words: string): void
}

/** The task's stdin, stdout and stderr over all its runs, and the order in which the outputs were read. */
export class TaskStreams {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly #order: OrderLog
  readonly #orderChanged = new Condition()
  readonly #spool: Spool | undefined

  /** @param directory for files of the output, if the spec asks for them. */
  constructor(spec: LaunchSpec, directory: TaskDirectory | undefined, events: StreamEvents) {
    const { onEnd, onError, log } = events
    const onChunk = (streamId: OutputStreamId, offset: number, length: number) => {
      this.#order.add(streamId, offset, length)
      if (this.#spool === undefined) this.#orderChanged.wake()
      else this.#spool.wake()
    }
    const files = spec.spool && directory && openSpoolFiles(spec, spec.spool, directory)
    this.#order = new OrderLog(Date.now, files?.endSeq)
    const output = (streamId: OutputStreamId) => {
      const startOffset = Math.max(spec.resume?.streams[streamId].endOffset ?? 0, files?.[streamId].endOffset ?? 0)
      const { maxReadBufSize: capacity, overflow } = spec
      return new OutputStream({
        capacity,
        overflow,
        streamId,
        isSpooled: !!files,
        startOffset,
        onChunk,
        onEnd,
        onError,
      })
    }
    this.stdin = new InputStream((error) => onError(0, error))
    this.stdout = output(1)
    this.stderr = output(2)
    if (!files || directory === undefined) return
    const streams = { outputs: [this.stdout, this.stderr], order: this.#order }
    const onPublished = () => {
      this.#orderChanged.wake()
      onEnd()
    }
    this.#spool = new Spool(spec, directory, files, streams, { onPublished, onError, log })
  }

  output(streamId: OutputStreamId): OutputStream {
    return streamId === 1 ? this.stdout : this.stderr
  }

  /** Continues with the pipes of a new run. */
  attach(child: StartedChild): void {
    this.#spool?.retry()
    this.stdin.attach(child.stdin)
    this.stdout.attach(child.stdout)
    this.stderr.attach(child.stderr)
  }

  /** No byte can come unless the child is started again. */
  get isAtEnd(): boolean {
    return this.stdout.eof && this.stderr.eof
  }

  /** Reads what the pipes hold now. */
  drain(): void {
    this.stdout.drain()
    this.stderr.drain()
  }

  /** Resolves when all that was read is in files, as far as it can be; undefined if nothing has to be waited for. */
  flush(): Promise<void> | undefined {
    return this.#spool?.flush()
  }

  endOffsets(): { 1: number; 2: number } {
    return { 1: this.stdout.endOffset, 2: this.stderr.endOffset }
  }

  /** An output is at its end if its writers are gone and no start is pending. Returns those that have just reached it. */
  updateEof(final: boolean): OutputStreamId[] {
    const reached = ([1, 2] as const).filter((streamId) =>
      this.output(streamId).setEof(final && this.output(streamId).ended),
    )
    if (reached.length > 0) this.#orderChanged.wake()
    return reached
  }

  /** Reads what the pipes hold now, then stops reading: the supervisor is about to end. */
  async close(): Promise<void> {
    this.drain()
    this.stdin.detach()
    this.stdout.detach()
    this.stderr.detach()
    await this.flush()
    await this.#spool?.close()
  }

  /** Chunks in the order of reading; a long poll with `waitMs`. */
  async readOrder(
    request: { from?: number; maxChunks: number; waitMs: number },
    signal: AbortSignal,
  ): Promise<OrderResult> {
    const from = request.from ?? 0
    const older = await this.#readOlder(from, request.maxChunks)
    if (older !== undefined) return { ...older, endSeq: this.#endSeq, eof: false }
    const poll = () => {
      const start = Math.max(from, this.#order.firstSeq)
      const { seq, chunks } = this.#order.read(start, Math.min(request.maxChunks, Math.max(0, this.#endSeq - start)))
      const shown = Math.min(seq, this.#endSeq)
      const eof = this.stdout.eof && this.stderr.eof && shown + chunks.length === this.#endSeq
      return { found: chunks.length > 0 || eof, result: { seq: shown, chunks, endSeq: this.#endSeq, eof } }
    }
    return pollUntil(this.#orderChanged, poll, request.waitMs, signal)
  }

  /** Number that the next chunk will have of which clients hear. */
  get #endSeq(): number {
    return this.#spool?.publishedSeq ?? this.#order.endSeq
  }

  /** From files, if memory does not know them any more. */
  async #readOlder(from: number, maxChunks: number): Promise<{ seq: number; chunks: OrderedChunk[] } | undefined> {
    while (from < this.#order.firstSeq) {
      const first = this.#spool?.firstSeq
      if (first === undefined || first >= this.#order.firstSeq) return undefined
      const older = await this.#spool?.readOrder(from, maxChunks)
      if (older !== undefined) return older
    }
    return undefined
  }
}
