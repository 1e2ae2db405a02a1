import type { MergedOutput, MergedPosition, TaskOutput } from '@bgtask/client'
import { MAX_READ_BYTES } from '@bgtask/protocol'

export type OutputName = 'stdout' | 'stderr'

/** Bytes of one output. */
export interface Piece {
  readonly gap?: never
  readonly stream: OutputName
  readonly offset: number
  readonly data: Uint8Array
  /** When the supervisor read it (Unix ms); undefined if the order of reading is unknown. */
  readonly at?: number
  /** The position after it. */
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
  /** The output to read; by default both, in the order of reading. */
  readonly stream?: OutputName
  /** Where to begin: a byte offset with `stream`, else `next` of an earlier piece. */
  readonly from?: Position
  /** Wait for new output until it ends, instead of stopping after the kept output. */
  readonly follow: boolean
  readonly signal?: AbortSignal
}

/** The outputs of a task, whether it has a supervisor or not. */
export interface Outputs {
  readonly stdout: TaskOutput
  readonly stderr: TaskOutput
  readonly output: MergedOutput
}

/** Reads a task's output from a position on. */
export function outputOf(task: Outputs, request: OutputRequest): AsyncGenerator<Piece | Gap, void, undefined> {
  return request.stream === undefined ? both(task, request) : one(task[request.stream], request)
}

async function* one(
  output: TaskOutput,
  { from, follow, signal }: OutputRequest,
): AsyncGenerator<Piece | Gap, void, undefined> {
  for await (const part of output.follow({ from: from as number | undefined, live: follow, signal })) {
    yield { ...part, stream: output.name, next: part.gap ? part.to : part.offset + part.data.length }
  }
}

async function* both(
  task: Outputs,
  { from, follow, signal }: OutputRequest,
): AsyncGenerator<Piece | Gap, void, undefined> {
  let next = from as MergedPosition | undefined
  const outputs = [task.stdout, task.stderr]
  const kept = follow ? [] : await Promise.all(outputs.map((output) => output.read({ maxBytes: 1, signal })))
  for await (const part of task.output.follow({ from: next, live: follow, signal })) {
    next = part.next
    if (part.gap) yield* unordered(task[part.stream], part, next, signal)
    else yield part
  }
  // The order is known only for the newest chunks; a stream that has long been silent may be missing from it.
  for (const [place, { offset, endOffset }] of kept.entries()) {
    const output = outputs[place] as TaskOutput
    const rest = { from: next?.[output.name] ?? offset, to: endOffset }
    next = { seq: 0, ...next, [output.name]: Math.max(rest.from, rest.to) }
    yield* unordered(output, rest, next, signal)
  }
}

/** Reads bytes that the merged view lacks: they may still be kept although their place in the order is no longer known. */
async function* unordered(
  output: TaskOutput,
  { from, to }: { from: number; to: number },
  next: MergedPosition,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece | Gap, void, undefined> {
  const stream = output.name
  for (let position = from; position < to; ) {
    const { offset, data } = await output.read({
      from: position,
      maxBytes: Math.min(to - position, MAX_READ_BYTES),
      signal,
    })
    const start = data.length === 0 ? to : Math.min(offset, to)
    if (start > position) yield { gap: true, stream, from: position, to: start, next }
    const bytes = data.subarray(0, to - start)
    if (bytes.length > 0) yield { stream, offset: start, data: bytes, next }
    position = start + bytes.length
  }
}
