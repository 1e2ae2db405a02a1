import type { MergedPosition, OutputChunk, OutputGap, Task, TaskOutput } from '@bgtask/client'
import { MAX_READ_BYTES } from '@bgtask/protocol'

export type OutputName = 'stdout' | 'stderr'

/** Bytes of one output. */
export interface Piece {
  readonly gap?: never
  readonly stream: OutputName
  readonly offset: number
  readonly data: Uint8Array
  /** When the supervisor read it (Unix ms); unknown where the order of reading is. */
  readonly at?: number
  /** Where to go on behind it. */
  readonly next: Position
}

/** Bytes of one output that are no longer kept. */
export interface Gap {
  readonly gap: true
  readonly stream: OutputName
  readonly from: number
  readonly to: number
  readonly next: Position
}

/** A byte offset in one output, or a place in the order of both. */
export type Position = number | MergedPosition | undefined

export interface OutputRequest {
  /** One output alone; both in the order of reading where left out. */
  readonly stream?: OutputName
  /** Where to begin: a byte offset with `stream`, else what an earlier piece had as `next`. */
  readonly from?: Position
  /** Go on until the output ends, instead of ending at what is there. */
  readonly follow: boolean
  readonly signal?: AbortSignal
}

/** A task's output from a position on. */
export function outputOf(
  task: Task,
  { stream, from, follow, signal }: OutputRequest,
): AsyncGenerator<Piece | Gap, void, undefined> {
  if (stream === undefined) return both(task, from as MergedPosition | undefined, follow, signal)
  return one(task[stream], from as number | undefined, follow, signal)
}

async function* one(
  output: TaskOutput,
  from: number | undefined,
  follow: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece | Gap, void, undefined> {
  const stream = output.name
  if (follow) {
    for await (const part of output.follow({ from, signal })) {
      if (part.gap) yield { ...part, stream, next: part.to }
      else yield { ...part, stream, next: part.offset + part.data.length }
    }
    return
  }
  const { firstOffset, endOffset } = await output.info({ signal })
  for await (const part of range(output, from ?? firstOffset, endOffset, signal)) {
    yield { ...part, stream, next: part.gap ? part.to : part.offset + part.data.length }
  }
}

async function* both(
  task: Task,
  from: MergedPosition | undefined,
  follow: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece | Gap, void, undefined> {
  // The order is known of the newest chunks only: what is kept beyond that is older than all of them.
  if (from === undefined) yield* unordered(task, signal)
  const { seq, endSeq } = await task.output.order({ from: from?.seq, maxChunks: 1, signal })
  if (!follow && seq === endSeq) return
  for await (const part of task.output.follow({ from: from ?? { seq }, signal })) {
    if (!part.gap) yield part
    else {
      // Where only the place in the order has been forgotten, the bytes are there all the same.
      const { stream, next } = part
      for await (const found of range(task[stream], part.from, part.to, signal)) yield { ...found, stream, next }
    }
    if (!follow && part.next.seq >= endSeq) return
  }
}

/** Bytes that are kept though the order does not tell of them any more. */
async function* unordered(task: Task, signal: AbortSignal | undefined): AsyncGenerator<Piece | Gap, void, undefined> {
  const { streams } = await task.info({ signal })
  const ordered = await firstOrdered(task, signal)
  const next: { seq: number; stdout?: number; stderr?: number } = { seq: ordered.seq }
  for (const stream of ['stdout', 'stderr'] as const) {
    const output = task[stream]
    const { firstOffset, endOffset } = streams[output.id]
    for await (const part of range(output, firstOffset, ordered[stream] ?? endOffset, signal)) {
      next[stream] = part.gap ? part.to : part.offset + part.data.length
      yield { ...part, stream, next: { ...next } }
    }
  }
}

/** Where the order begins, and the first byte of each stream that it tells of. */
async function firstOrdered(
  task: Task,
  signal: AbortSignal | undefined,
): Promise<{ seq: number; stdout?: number; stderr?: number }> {
  const first = await task.output.order({ maxChunks: 4_096, signal })
  const offsets: { stdout?: number; stderr?: number } = {}
  for (let page = first; ; ) {
    for (const [streamId, offset] of page.chunks) offsets[streamId === 1 ? 'stdout' : 'stderr'] ??= offset
    const from = page.seq + page.chunks.length
    if (from >= first.endSeq || (offsets.stdout !== undefined && offsets.stderr !== undefined)) break
    page = await task.output.order({ from, maxChunks: 4_096, signal })
  }
  return { seq: first.seq, ...offsets }
}

/** The bytes of a stream from one offset up to, not including, another, as far as they are kept. */
async function* range(
  output: TaskOutput,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<OutputChunk | OutputGap, void, undefined> {
  for (let position = from; position < to; ) {
    const { offset, data } = await output.read({
      from: position,
      maxBytes: Math.min(to - position, MAX_READ_BYTES),
      signal,
    })
    const start = data.length === 0 ? to : Math.min(Math.max(offset, position), to)
    if (start > position) yield { gap: true, from: position, to: start }
    const bytes = data.subarray(0, to - start)
    if (bytes.length > 0) yield { offset: start, data: bytes }
    position = start + bytes.length
  }
}
