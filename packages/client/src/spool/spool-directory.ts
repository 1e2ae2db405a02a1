import { closeSync, constants, fstatSync, openSync, readdirSync, statSync } from 'node:fs'
import { HeldDirectory, parseSegmentName, type SegmentStream, segmentName } from '@bgtask/os'
import { PermissionError } from '@bgtask/protocol'
import { type SegmentFiles, SegmentReader } from './segment-reader.js'
import type { SpoolPlace } from './spool-place.js'

/** A task's directory of segment files. It is held open, so a directory that takes its path later is never read. */
export class SpoolDirectory implements SegmentFiles {
  readonly #held: HeldDirectory
  readonly #place: SpoolPlace
  readonly #readers: SegmentReader[] = []

  /** @throws PermissionError if its owner is not trusted; the system's error if it is missing, a link or no directory. */
  constructor(place: SpoolPlace) {
    this.#place = place
    this.#held = new HeldDirectory(place.directory)
    try {
      this.#checkOwner(statSync(this.#held.at('.')).uid, place.directory)
    } catch (error) {
      this.#held.close()
      throw this.#held.explain(error)
    }
  }

  /** Reads one stream's segments until this is closed. */
  reader(stream: SegmentStream): SegmentReader {
    const reader = new SegmentReader(this, stream)
    this.#readers.push(reader)
    return reader
  }

  /** Numbers of the first units of a stream's segments, in order. */
  starts(stream: SegmentStream): number[] {
    return readdirSync(this.#held.at('.'))
      .flatMap((name) => parseSegmentName(name) ?? [])
      .filter((segment) => segment.stream === stream)
      .map(({ from }) => from)
      .sort((a, b) => a - b)
  }

  /**
   * Opens a segment for reading. Other users may be able to plant a file of that name, so links are not followed and a FIFO
   * is not waited for.
   *
   * @returns its descriptor; undefined if it was deleted.
   * @throws PermissionError if it is not a regular file of a trusted owner; the system's error.
   */
  open(stream: SegmentStream, from: number): number | undefined {
    const name = segmentName({ stream, from })
    const fd = this.#openFile(name)
    if (fd === undefined) return undefined
    try {
      const stats = fstatSync(fd)
      const path = `${this.#place.directory}/${name}`
      if (!stats.isFile()) throw new PermissionError(path, 'is not a regular file')
      this.#checkOwner(stats.uid, path)
      return fd
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  close(): void {
    for (const reader of this.#readers) reader.close()
    this.#held.close()
  }

  #openFile(name: string): number | undefined {
    try {
      return openSync(this.#held.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw this.#held.explain(error)
    }
  }

  #checkOwner(uid: number, path: string): void {
    if (!this.#place.trusts(uid)) throw new PermissionError(path, `belongs to uid ${uid}, who is not trusted here`)
  }
}

/**
 * Opens a task's directory.
 *
 * @returns undefined if it is missing.
 * @throws PermissionError if it may not be read, is a link, no directory, or of an owner who is not trusted.
 */
export function openSpool(place: SpoolPlace): SpoolDirectory | undefined {
  try {
    const spool = new SpoolDirectory(place)
    return spool
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw asPermissionError(error, place.directory)
  }
}

/** What the system refuses is the path's; other errors stay as they are. */
export function asPermissionError(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  const isRefusal = code === 'EACCES' || code === 'EPERM' || code === 'ELOOP' || code === 'ENOTDIR'
  return isRefusal ? new PermissionError(path, `cannot be read: ${code}`, { cause: error }) : error
}
