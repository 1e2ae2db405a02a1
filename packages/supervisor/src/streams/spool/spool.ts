import { close, constants, fsync, open } from 'node:fs'
import { promisify } from 'node:util'
import { ORDER_ENTRY_BYTES } from '@bgtask/os'
import type { LaunchSpec, OrderedChunk, OutputStreamId, Spool as SpoolOptions } from '@bgtask/protocol'
import type { TaskDirectory } from '../../directory/task-directory.js'
import { Condition } from '../condition.js'
import type { OrderLog } from '../order-log.js'
import type { OutputStream } from '../output.js'
import { type SegmentOptions, Segments } from './segments.js'

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fsync)

/** The order takes so much of what an output may take, and this much at least (bytes). */
const ORDER_SHARE = 16
const MIN_ORDER_BYTES = 64 * 1024

/** Chunks that may wait for the disk: half of what the order in memory holds. */
const MAX_WAITING_CHUNKS = 4_096

export interface SpoolEvents {
  /** Bytes of a stream, or the order, are in files, or will never be. */
  onPublished(): void
  onError(streamId: OutputStreamId, error: Error): void
  log(words: string): void
}

/** The files of the order of reading, stdout and stderr. */
export interface SpoolFiles {
  readonly order: Segments
  readonly 1: Segments
  readonly 2: Segments
  /** Number of the next entry of the order. */
  readonly endSeq: number
}

/** What an earlier supervisor of the task has written is taken over. */
export function openSpoolFiles(spec: LaunchSpec, spool: SpoolOptions, directory: TaskDirectory): SpoolFiles {
  const { maxBytes, segmentBytes, sync } = spool
  const common = { access: spec.access, syncs: sync === 'exit' }
  const open = (options: Omit<SegmentOptions, 'access' | 'syncs'>) => {
    const files = new Segments(directory, { ...common, ...options })
    if (spec.resume !== null) files.takeOver()
    return files
  }
  const orderBytes = Math.max(MIN_ORDER_BYTES, Math.floor(maxBytes / ORDER_SHARE))
  const order = open({
    stream: 0,
    maxBytes: orderBytes,
    segmentBytes: Math.floor(orderBytes / 4 / ORDER_ENTRY_BYTES) * ORDER_ENTRY_BYTES,
    unitBytes: ORDER_ENTRY_BYTES,
    dropsOldest: true,
  })
  const output = (stream: OutputStreamId) =>
    open({ stream, maxBytes, segmentBytes, unitBytes: 1, dropsOldest: spec.overflow === 'discard' })
  return { order, 1: output(1), 2: output(2), endSeq: order.endOffset / ORDER_ENTRY_BYTES }
}

/**
 * Writes outputs and the order in which they were read to files, and publishes what is there: no client hears of a byte
 * before. One round at a time takes what has come meanwhile, with one write in flight for each output.
 */
export class Spool {
  readonly #directory: TaskDirectory
  readonly #syncs: boolean
  readonly #outputs: readonly OutputStream[]
  readonly #order: OrderLog
  readonly #orderFiles: Segments
  readonly #events: SpoolEvents
  readonly #published = new Condition()
  #publishedSeq = 0
  #isOrderBroken = false
  #round: Promise<void> | undefined

  /** @param streams begin where the files end. */
  constructor(
    spec: LaunchSpec,
    directory: TaskDirectory,
    files: SpoolFiles,
    streams: { readonly outputs: readonly OutputStream[]; readonly order: OrderLog },
    events: SpoolEvents,
  ) {
    this.#directory = directory
    this.#syncs = spec.spool?.sync === 'exit'
    this.#outputs = streams.outputs
    this.#order = streams.order
    this.#orderFiles = files.order
    this.#events = events
    this.#publishedSeq = streams.order.endSeq
    for (const output of this.#outputs) output.spoolTo(files[output.streamId], () => this.isBehind)
  }

  /** Chunks below this number are published. */
  get publishedSeq(): number {
    return this.#publishedSeq
  }

  /** So much waits for the disk that nothing more should be read. */
  get isBehind(): boolean {
    return this.#order.endSeq - this.#publishedSeq >= MAX_WAITING_CHUNKS
  }

  /** There is something new to write. */
  wake(): void {
    this.#round ??= this.#writeAll()
  }

  /** A new run tries again what has failed. */
  retry(): void {
    this.#isOrderBroken = false
    for (const { spool } of this.#outputs) spool?.retry()
  }

  /** Resolves when all that was read before is published, and on the disk if that was asked for; undefined if it is. */
  flush(): Promise<void> | undefined {
    const seq = this.#order.endSeq
    if (this.#publishedSeq >= seq && !this.#syncs) return undefined
    return this.#flush(seq)
  }

  /** Chunks that are no longer known in memory. */
  async readOrder(from: number, maxChunks: number): Promise<{ seq: number; chunks: OrderedChunk[] } | undefined> {
    const read = await this.#orderFiles.read(from * ORDER_ENTRY_BYTES, maxChunks * ORDER_ENTRY_BYTES)
    if (read === undefined) return undefined
    const seq = read.offset / ORDER_ENTRY_BYTES
    return { seq, chunks: decodeOrder(read.data).slice(0, Math.max(0, this.#publishedSeq - seq)) }
  }

  get firstSeq(): number | undefined {
    const { firstOffset } = this.#orderFiles
    return firstOffset === undefined ? undefined : firstOffset / ORDER_ENTRY_BYTES
  }

  /** Nothing more is written; the files stay. */
  async close(): Promise<void> {
    await this.#round
    await Promise.all(this.#allFiles.map((files) => files.close()))
  }

  get #allFiles(): Segments[] {
    return [this.#orderFiles, ...this.#outputs.flatMap(({ spool }) => spool?.files ?? [])]
  }

  async #flush(seq: number): Promise<void> {
    while (this.#publishedSeq < seq) await this.#published.wait()
    if (!this.#syncs) return
    await this.#sync().catch((error) => this.#events.log(`cannot sync the output: ${error}`))
  }

  async #sync(): Promise<void> {
    await Promise.all(this.#allFiles.map((files) => files.sync()))
    // The names of the files.
    const fd = await openFile(this.#directory.held.at('.'), constants.O_RDONLY | constants.O_DIRECTORY)
    await syncFile(fd).finally(() => closeFile(fd))
  }

  async #writeAll(): Promise<void> {
    while (this.#publishedSeq < this.#order.endSeq) await this.#writeRound()
    this.#round = undefined
  }

  async #writeRound(): Promise<void> {
    const seq = this.#publishedSeq
    // Reading the entries seals them: what comes from now on makes new ones.
    const { chunks } = this.#order.read(seq, this.#order.endSeq - seq)
    const publish = await Promise.all(this.#outputs.map((output) => this.#writeOutput(output)))
    await this.#writeOrder(seq, chunks)
    this.#publishedSeq = seq + chunks.length
    for (const [index, end] of publish.entries()) this.#outputs[index]?.publish(end)
    this.#published.wake()
    this.#events.onPublished()
  }

  /** Returns the end of what had come when the round began. */
  async #writeOutput(output: OutputStream): Promise<number> {
    const end = output.readOffset
    const error = await output.spool?.write()
    if (error !== undefined) this.#events.onError(output.streamId, error)
    return end
  }

  async #writeOrder(seq: number, chunks: readonly OrderedChunk[]): Promise<void> {
    if (this.#isOrderBroken) return
    const { error } = await this.#orderFiles.append(seq * ORDER_ENTRY_BYTES, [encodeOrder(chunks)])
    if (error === undefined) return
    this.#isOrderBroken = true
    this.#events.log(`cannot write the order of the output: ${error.message}`)
  }
}

function encodeOrder(chunks: readonly OrderedChunk[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(chunks.length * ORDER_ENTRY_BYTES)
  chunks.flat().forEach((value, index) => {
    bytes.writeBigUInt64LE(BigInt(value), index * 8)
  })
  return bytes
}

function decodeOrder(bytes: Buffer): OrderedChunk[] {
  const count = Math.floor(bytes.length / ORDER_ENTRY_BYTES)
  return Array.from({ length: count }, (_, index) => {
    const fields = [0, 8, 16, 24].map((place) => Number(bytes.readBigUInt64LE(index * ORDER_ENTRY_BYTES + place)))
    return fields as unknown as OrderedChunk
  })
}
