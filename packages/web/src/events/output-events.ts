import type { MergedPosition, Task } from '@bgtask/client'
import { isBgTaskError } from '@bgtask/protocol'
import type { ConsoleEvent, GapReason, View } from '../shared/messages.js'
import { formatPosition, type Position } from './position.js'
import { Times } from './times.js'

/** A view begins at most this many bytes before the end: a page cannot show more. */
export const TAIL_BYTES = 16 * 1024 * 1024

export type OutputEvent = ConsoleEvent<'output' | 'gap' | 'end'>
type StreamName = 'stdout' | 'stderr'

/** Yields a task's output from a position on: kept and new bytes, gaps, and finally how the output ended. Reads on demand. */
export async function* outputEvents(
  task: Task,
  view: View,
  from: Position | undefined,
  signal: AbortSignal,
): AsyncGenerator<OutputEvent, void, undefined> {
  try {
    if (view === 'merged') yield* mergedEvents(task, from?.view === 'merged' ? from.merged : undefined, signal)
    else yield* streamEvents(task, view, from?.view === view ? from.offset : undefined, signal)
    yield { event: 'end', data: { reason: 'eof', run: await endedRun(task, view, signal) } }
  } catch (error) {
    if (signal.aborted) return
    const reason = isBgTaskError(error, 'ERR_BGTASK_TASK_GONE') ? 'gone' : 'failed'
    yield { event: 'end', data: { reason, message: (error as Error).message } }
  }
}

/** The run whose output has ended: the previous one if the task was restarted meanwhile. */
async function endedRun(task: Task, view: View, signal: AbortSignal): Promise<number> {
  const { run, streams } = await task.info({ signal })
  const names = view === 'merged' ? (['stdout', 'stderr'] as const) : [view]
  return names.every((name) => streams[task[name].id].eof) ? run : run - 1
}

async function* streamEvents(task: Task, name: StreamName, from: number | undefined, signal: AbortSignal) {
  const stream = task[name]
  const times = new Times(task, stream.id)
  const gap = (from: number, to: number, reason: GapReason) =>
    gapEvent(name, from, to, reason, { view: name, offset: to })
  let start = from ?? 0
  if (from === undefined) {
    const { firstOffset, endOffset } = await stream.info({ signal })
    start = Math.max(firstOffset, endOffset - TAIL_BYTES)
    if (firstOffset > 0) yield gap(0, firstOffset, 'dropped')
    if (start > firstOffset) yield gap(firstOffset, start, 'skipped')
  }
  for await (const chunk of stream.follow({ from: start, signal })) {
    if (chunk.gap) yield gap(chunk.from, chunk.to, 'dropped')
    else
      for (const { offset, data, at } of await times.pieces(chunk, signal)) {
        yield chunkEvent(name, offset, data, at, { view: name, offset: offset + data.length })
      }
  }
}

async function* mergedEvents(task: Task, from: MergedPosition | undefined, signal: AbortSignal) {
  // From offset 0, so that bytes missing before the first chunk are reported as a gap.
  const start = from ?? { seq: await firstOfTail(task, signal), stdout: 0, stderr: 0 }
  for await (const chunk of task.output.follow({ from: start, signal })) {
    const { stream, next } = chunk
    const position: Position = { view: 'merged', merged: next }
    if (chunk.gap) {
      const { firstOffset } = await task[stream].info({ signal })
      const kept = Math.min(Math.max(firstOffset, chunk.from), chunk.to)
      if (kept > chunk.from) yield gapEvent(stream, chunk.from, kept, 'dropped', position)
      if (chunk.to > kept) yield gapEvent(stream, kept, chunk.to, 'skipped', position)
    } else yield chunkEvent(stream, chunk.offset, chunk.data, chunk.at, position)
  }
}

/** Number of the first chunk within the last `TAIL_BYTES`. */
async function firstOfTail(task: Task, signal: AbortSignal): Promise<number> {
  const lengths: number[] = []
  let seq = 0
  for (let known: number | undefined; ; known = seq) {
    const order = await task.output.order({ from: known, maxChunks: 4_096, signal })
    lengths.push(...order.chunks.map(([, , length]) => length))
    seq = order.seq + order.chunks.length
    if (order.chunks.length === 0 || seq >= order.endSeq) break
  }
  let bytes = 0
  for (const length of lengths.reverse()) {
    bytes += length
    if (bytes > TAIL_BYTES) break
    seq -= 1
  }
  return seq
}

function chunkEvent(
  stream: StreamName,
  offset: number,
  data: Uint8Array,
  at: number | undefined,
  position: Position,
): OutputEvent {
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64')
  return { event: 'output', data: { stream, offset, at, data: base64 }, id: formatPosition(position) }
}

function gapEvent(stream: StreamName, from: number, to: number, reason: GapReason, position: Position): OutputEvent {
  return { event: 'gap', data: { stream, from, to, reason }, id: formatPosition(position) }
}
