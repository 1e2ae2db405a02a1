import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs'
import { processIdentity } from '@bgtask/os'
import { InvalidOptionError, LockHeldError, PermissionError, PlatformError } from '@bgtask/protocol'
import { tryOfdLock } from './addon.js'
import { tryFlock } from './flock.js'
import { findHolder, findOrphan, isListed, type LockNote, parseLockNote } from './holder.js'

/** A note has a few hundred bytes; a larger file is not ours and stays as it is. */
const MAX_NOTE_BYTES = 4_096

/** The file may be replaced between opening and locking; this often in a row is no accident. */
const MAX_ATTEMPTS = 10

/**
 * A lock file held by this supervisor: a kernel lock, so it ends with this process in any case, and the child
 * never inherits it. Excludes holders of `fcntl` and `flock` locks and an orphan of an earlier supervisor.
 */
export class Lock {
  readonly path: string
  readonly #taskId: string
  #fd: number | undefined

  /**
   * @throws LockHeldError with the holder if known; InvalidOptionError, PermissionError if the path cannot be used;
   * PlatformError if neither kind of lock is available.
   */
  constructor(path: string, taskId: string) {
    this.path = path
    this.#taskId = taskId
    this.retake()
  }

  /** Takes the lock again if it was released. @throws as the constructor. */
  retake(): void {
    if (this.#fd !== undefined) return
    this.#fd = acquire(this.path)
    this.nameChild(undefined)
  }

  /**
   * Notes the child: another supervisor must not start while it lives, even if this one is killed.
   *
   * @param child undefined before it is started: if we are killed at that moment, it is found by the task's id.
   */
  nameChild(child: { pid: number; startTime: number | null } | undefined): void {
    if (this.#fd === undefined) return
    const supervisor = processIdentity()
    const identity = child === undefined ? null : { ...supervisor, pid: child.pid, startTime: child.startTime }
    writeNote(this.#fd, { bgtask: 1, taskId: this.#taskId, supervisor, child: identity })
  }

  /** Releases the lock. The file stays: without it, two holders could lock two files of that name. */
  release(): void {
    const fd = this.#fd
    if (fd === undefined) return
    this.#fd = undefined
    writeNote(fd, undefined)
    closeSync(fd)
  }
}

function acquire(path: string): number {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const fd = openLockFile(path)
    try {
      const file = fstatSync(fd)
      if (!file.isFile()) throw new InvalidOptionError('lockfile', path, 'must be a regular file')
      takeBoth(fd, path, file)
      if (isStillAt(path, file)) {
        const orphan = findOrphan(readNote(fd))
        if (orphan !== undefined) throw new LockHeldError(path, orphan)
        return fd
      }
    } catch (error) {
      closeSync(fd)
      throw error
    }
    closeSync(fd)
  }
  throw new LockHeldError(path, undefined, { message: `lock file ${path} is being replaced again and again` })
}

/** Closing the file releases the first lock if the second is held. */
function takeBoth(fd: number, path: string, file: Stats): void {
  const taken: (boolean | undefined)[] = []
  for (const [family, take] of [
    ['fcntl', tryOfdLock],
    ['flock', tryFlock],
  ] as const) {
    const got = take(fd)
    // A lock that cannot be taken here (musl has no addon) can still be found held.
    if (got === false || (got === undefined && isListed(file, family)))
      throw new LockHeldError(path, findHolder(readNote(fd), file, family))
    taken.push(got)
  }
  if (!taken.includes(true)) throw new PlatformError('a lock file (with neither the lock addon nor a flock program)')
}

function openLockFile(path: string): number {
  const { O_RDWR, O_CREAT, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0o644)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    // The link's owner would choose which file is created.
    if (code === 'ELOOP') throw new InvalidOptionError('lockfile', path, 'must not be a symbolic link', { cause })
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new PermissionError(path, `cannot be opened as a lock file: ${code}`, { cause })
    }
    throw new InvalidOptionError('lockfile', path, `cannot be opened: ${code}`, { cause })
  }
}

/** The locked file may have been unlinked or replaced between opening and locking. */
function isStillAt(path: string, { dev, ino }: Stats): boolean {
  const now = lstatSync(path, { throwIfNoEntry: false })
  return now !== undefined && now.dev === dev && now.ino === ino
}

function readNote(fd: number): ReturnType<typeof parseLockNote> {
  const buffer = Buffer.alloc(MAX_NOTE_BYTES + 1)
  const count = readSync(fd, buffer, 0, buffer.length, 0)
  return count > MAX_NOTE_BYTES ? undefined : parseLockNote(buffer.toString('utf8', 0, count))
}

/**
 * Writes only a file that was empty or ours: a lock file may have other content that is needed. One write replaces the
 * note, so that there is always one.
 */
function writeNote(fd: number, note: LockNote | undefined): void {
  try {
    if (readNote(fd) === undefined) return
    if (note === undefined) ftruncateSync(fd)
    else writeSync(fd, JSON.stringify(note).padEnd(fstatSync(fd).size), 0)
  } catch {
    // ENOSPC: the kernel's lock is held nevertheless.
  }
}
