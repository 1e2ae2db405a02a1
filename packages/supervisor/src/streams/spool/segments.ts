import {
  close,
  constants,
  fchmod,
  fchown,
  fdatasync,
  fstatSync,
  lstatSync,
  open,
  read,
  readdirSync,
  unlink,
  unlinkSync,
  writev,
} from 'node:fs'
import { promisify } from 'node:util'
import { parseSegmentName, type SegmentStream, segmentName } from '@bgtask/os'
import type { Access } from '@bgtask/protocol'
import type { TaskDirectory } from '../../directory/task-directory.js'

const { O_WRONLY, O_RDONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants

const openFile = promisify(open)
const closeFile = promisify(close)
const changeMode = promisify(fchmod)
const changeOwner = promisify(fchown)
const syncData = promisify(fdatasync)
const removeName = promisify(unlink)
const readAt = promisify(read)
const writeAt = promisify(writev)

export interface SegmentOptions {
  readonly stream: SegmentStream
  readonly maxBytes: number
  readonly segmentBytes: number
  /** Bytes of what the names count. */
  readonly unitBytes: number
  /** Oldest segments make room for new bytes; otherwise only `discard` removes any. */
  readonly dropsOldest: boolean
  /** Bytes are to be on the disk once `sync` has resolved. */
  readonly syncs: boolean
  readonly access: Access
}

interface SegmentFile {
  readonly from: number
  length: number
}

/**
 * A stream in files of bounded size: the newest one is appended to, the oldest ones are removed as a whole. One call of
 * `append` or `sync` at a time; everything is asynchronous, so that a slow disk delays nothing else.
 */
export class Segments {
  readonly #directory: TaskDirectory
  readonly #options: SegmentOptions
  #files: SegmentFile[] = []
  /** Of the newest file. Undefined before the first byte, and after a failure: the next bytes begin another file. */
  #fd: number | undefined
  /** In all files. */
  #bytes = 0

  constructor(directory: TaskDirectory, options: SegmentOptions) {
    this.#directory = directory
    this.#options = options
  }

  /** One past the newest byte; 0 if there is none. */
  get endOffset(): number {
    const newest = this.#files.at(-1)
    return newest === undefined ? 0 : newest.from + newest.length
  }

  /** Takes over what an earlier supervisor has written. The next bytes begin another file. */
  takeOver(): void {
    const { stream, unitBytes } = this.#options
    for (const name of readdirSync(this.#directory.held.at('.')).sort()) {
      const segment = parseSegmentName(name)
      if (segment?.stream !== stream) continue
      const path = this.#directory.held.at(name)
      const stats = lstatSync(path, { throwIfNoEntry: false })
      if (stats?.isFile() !== true) continue
      const length = stats.size - (stats.size % unitBytes)
      // Its name is that of the next one.
      if (length === 0) unlinkSync(path)
      else this.#files.push({ from: segment.from * unitBytes, length })
      this.#bytes += length
    }
  }

  get maxBytes(): number {
    return this.#options.maxBytes
  }

  /** Undefined if there is no byte. */
  get firstOffset(): number | undefined {
    return this.#files[0]?.from
  }

  /** Room for further bytes. Those that were discarded, but lie in a file that must stay for others, still take room. */
  get freeBytes(): number {
    return this.#options.maxBytes - this.#bytes
  }

  /**
   * Appends bytes that begin at an offset.
   *
   * @returns where the written bytes end, also if it failed: then `error` is what the system says.
   */
  async append(from: number, views: readonly Uint8Array[]): Promise<{ end: number; error?: Error }> {
    let end = from
    let left = [...views]
    try {
      while (left.length > 0) {
        const file = await this.#fileFor(end)
        const some = takeFirst(left, this.#options.segmentBytes - file.length)
        await this.#makeRoom(lengthOf(some))
        const { bytesWritten } = await writeAt(this.#fd as number, some, file.length)
        if (bytesWritten === 0) throw new Error('nothing could be written')
        file.length += bytesWritten
        this.#bytes += bytesWritten
        end += bytesWritten
        left = dropFirst(left, bytesWritten)
      }
      return { end }
    } catch (error) {
      await this.#leaveFile()
      return { end, error: this.#directory.explain(error as Error) }
    }
  }

  /** The first offset from `from` on whose byte is in a file. */
  find(from: number): number | undefined {
    const file = this.#files.find((each) => from < each.from + each.length)
    return file === undefined ? undefined : Math.max(from, file.from)
  }

  /**
   * Bytes from an offset on, from one file; if that offset is in none, from the next one.
   *
   * @returns undefined if that file is gone: what is kept has changed.
   */
  async read(from: number, maxBytes: number): Promise<{ offset: number; data: Buffer } | undefined> {
    const file = this.#files.find((each) => from < each.from + each.length)
    if (file === undefined) return undefined
    const offset = Math.max(from, file.from)
    const data = Buffer.allocUnsafeSlow(Math.min(maxBytes, file.from + file.length - offset))
    try {
      const count = await this.#readFile(file, offset - file.from, data)
      if (count > 0) return { offset, data: data.subarray(0, count) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw this.#directory.explain(error)
    }
    // Another process has removed it, or what was in it.
    this.#forget(file)
    return undefined
  }

  /** Removes the files that hold only bytes before `upTo`; the newest one only if it is full. One that cannot be removed stays. */
  async discard(upTo: number): Promise<void> {
    for (const file of [...this.#files]) {
      if (file.from + file.length > upTo || file.length === 0) return
      if (file === this.#files.at(-1) && file.length < this.#options.segmentBytes) return
      await this.#removeFile(file).catch(() => {})
    }
  }

  /** Brings what was written to the disk. */
  async sync(): Promise<void> {
    if (this.#fd !== undefined && this.#options.syncs) await syncData(this.#fd)
  }

  /** Forgets all files; they are removed with their directory. */
  async close(): Promise<void> {
    this.#files = []
    this.#bytes = 0
    await this.#leaveFile()
  }

  /** The file that takes the byte at that offset. */
  async #fileFor(offset: number): Promise<SegmentFile> {
    const newest = this.#files.at(-1)
    const { segmentBytes } = this.#options
    if (newest !== undefined && this.#fd !== undefined && newest.from + newest.length === offset) {
      if (newest.length < segmentBytes) {
        // A file without a name takes bytes without an error, but no reader could open it.
        if (fstatSync(this.#fd).nlink > 0) return newest
        throw new Error('the file was removed')
      }
    }
    await this.sync()
    await this.#leaveFile()
    return this.#create(offset)
  }

  async #create(offset: number): Promise<SegmentFile> {
    const { stream, unitBytes, access } = this.#options
    const path = this.#pathOf(offset, stream, unitBytes)
    const fd = await openFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    this.#fd = fd
    const file = { from: offset, length: 0 }
    this.#files.push(file)
    if (access.gid !== null) await changeOwner(fd, -1, access.gid)
    await changeMode(fd, access.mode & 0o666)
    return file
  }

  async #makeRoom(bytes: number): Promise<void> {
    while (this.freeBytes < bytes) {
      const oldest = this.#files[0]
      if (!this.#options.dropsOldest || oldest === undefined || oldest === this.#files.at(-1))
        throw new Error(`${this.#options.maxBytes} bytes are the most, and no client has discarded any`)
      await this.#removeFile(oldest)
    }
  }

  async #removeFile(file: SegmentFile): Promise<void> {
    this.#forget(file)
    const { stream, unitBytes } = this.#options
    await removeName(this.#pathOf(file.from, stream, unitBytes)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  #forget(file: SegmentFile): void {
    const index = this.#files.indexOf(file)
    if (index < 0) return
    this.#files.splice(index, 1)
    this.#bytes -= file.length
  }

  /** Without one that is empty, whose name the next try needs. */
  async #leaveFile(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd === undefined) return
    await closeFile(fd).catch(() => {})
    const newest = this.#files.at(-1)
    if (newest?.length === 0) await this.#removeFile(newest).catch(() => {})
  }

  async #readFile(file: SegmentFile, position: number, data: Buffer): Promise<number> {
    const { stream, unitBytes } = this.#options
    const fd = await openFile(this.#pathOf(file.from, stream, unitBytes), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      return (await readAt(fd, data, 0, data.length, position)).bytesRead
    } finally {
      await closeFile(fd)
    }
  }

  #pathOf(offset: number, stream: SegmentStream, unitBytes: number): string {
    return this.#directory.held.at(segmentName({ stream, from: offset / unitBytes }))
  }
}

function lengthOf(views: readonly Uint8Array[]): number {
  return views.reduce((sum, { length }) => sum + length, 0)
}

function takeFirst(views: readonly Uint8Array[], maxBytes: number): Uint8Array[] {
  const taken: Uint8Array[] = []
  let left = maxBytes
  for (const view of views) {
    if (left === 0) break
    taken.push(view.subarray(0, left))
    left -= Math.min(left, view.length)
  }
  return taken
}

function dropFirst(views: readonly Uint8Array[], count: number): Uint8Array[] {
  const kept: Uint8Array[] = []
  let left = count
  for (const view of views) {
    if (left < view.length) kept.push(view.subarray(left))
    left = Math.max(0, left - view.length)
  }
  return kept
}
