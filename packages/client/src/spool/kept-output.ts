import { ORDER_ENTRY_BYTES } from '@bgtask/os'
import {
  MAX_READ_BYTES,
  type MethodName,
  type MethodParams,
  type MethodResult,
  type OrderResult,
  type OutputStreamId,
  paramSchemas,
  type ReadResult,
} from '@bgtask/protocol'
import { parse } from 'valibot'
import { soundChunks } from './order-entries.js'
import type { SegmentReader } from './segment-reader.js'
import { asPermissionError, openSpool, type SpoolDirectory } from './spool-directory.js'
import type { SpoolPlace } from './spool-place.js'

/** Where a stream's kept bytes begin and end. */
export type OutputBounds = MethodResult<'discardStream'>

type Handler<M extends MethodName> = (params: MethodParams<M> & object) => Promise<MethodResult<M>>
type Handlers = { readonly [M in MethodName]?: Handler<M> }

/**
 * The output of a task without a supervisor, from its files: answers as a supervisor would that no longer gets any byte.
 * What the files lack up to the recorded end is a gap.
 */
export class KeptOutput {
  readonly #place: SpoolPlace
  readonly #ends: Readonly<Record<OutputStreamId, number>> | undefined

  /** @param ends the ends that the supervisor recorded; undefined if it was killed: then a stream ends where its files do. */
  constructor(place: SpoolPlace, ends?: Readonly<Record<OutputStreamId, number>>) {
    this.#place = place
    this.#ends = ends
  }

  /** Answers a method that reads; undefined for the others. @throws as `readStream`. */
  async answer<M extends MethodName>(method: M, params?: MethodParams<M>): Promise<MethodResult<M> | undefined> {
    const handle: Handler<M> | undefined = (this.#handlers as Handlers)[method]
    return handle?.((params ?? {}) as MethodParams<M> & object)
  }

  readonly #handlers: Handlers = {
    readStream: (params) => this.readStream(params),
    readOrder: (params) => this.readOrder(params),
    // Whole files go by themselves, and there is no memory to free.
    discardStream: ({ streamId }) => this.bounds(streamId),
  }

  /** @throws PermissionError if the files may not be read or are not trusted. */
  async readStream(params: MethodParams<'readStream'>): Promise<ReadResult> {
    const { streamId, from, maxBytes } = parse(paramSchemas.readStream, params)
    return this.#whileOpen(async (spool) => {
      const reader = spool?.reader(streamId)
      const { firstOffset, endOffset } = this.#boundsOf(streamId, reader)
      const offset = Math.min(Math.max(from ?? firstOffset, firstOffset), endOffset)
      const length = Math.min(maxBytes, MAX_READ_BYTES, endOffset - offset)
      if (length === 0) return result(offset, NOTHING, endOffset)
      const { at, data } = (await reader?.read(offset, length)) ?? { at: offset, data: NOTHING }
      if (data.length === 0 || at >= endOffset) return result(endOffset, NOTHING, endOffset)
      return result(at, data.subarray(0, endOffset - at), endOffset)
    })
  }

  /** @throws as `readStream`. */
  async readOrder(params: MethodParams<'readOrder'>): Promise<OrderResult> {
    const { from = 0, maxChunks } = parse(paramSchemas.readOrder, params)
    return this.#whileOpen(async (spool) => {
      const reader = spool?.reader(0)
      const { first, end } = reader?.bounds() ?? { first: 0, end: 0 }
      const units = await reader?.read(Math.min(Math.max(from, first), end), maxChunks)
      if (spool === undefined || units === undefined || units.data.length === 0) {
        return { seq: end, chunks: [], endSeq: end, eof: true }
      }
      const ends = { 1: this.#boundsOf(1, spool.reader(1)).endOffset, 2: this.#boundsOf(2, spool.reader(2)).endOffset }
      const chunks = soundChunks(units.data, ends)
      const next = units.at + chunks.length
      const isCut = chunks.length === 0 || chunks.length * ORDER_ENTRY_BYTES < units.data.length
      const endSeq = isCut ? next : Math.max(end, next)
      return { seq: units.at, chunks, endSeq, eof: next === endSeq }
    })
  }

  /** @throws as `readStream`. */
  async bounds(streamId: OutputStreamId): Promise<OutputBounds> {
    const { offset, endOffset } = await this.readStream({ streamId, maxBytes: 0 })
    return { firstOffset: offset, endOffset }
  }

  #boundsOf(streamId: OutputStreamId, reader: SegmentReader | undefined): OutputBounds {
    const kept = reader?.bounds()
    const endOffset = this.#ends?.[streamId] ?? kept?.end ?? 0
    return { firstOffset: Math.min(kept?.first ?? endOffset, endOffset), endOffset }
  }

  /** @param work gets undefined if there is no directory. */
  async #whileOpen<T>(work: (spool: SpoolDirectory | undefined) => Promise<T>): Promise<T> {
    const spool = openSpool(this.#place)
    try {
      return await work(spool)
    } catch (error) {
      throw asPermissionError(error, this.#place.directory)
    } finally {
      spool?.close()
    }
  }
}

const NOTHING = Buffer.alloc(0)

function result(offset: number, data: Buffer, endOffset: number): ReadResult {
  return { offset, data, eof: offset + data.length === endOffset, endOffset }
}
