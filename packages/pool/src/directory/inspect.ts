import { lstatSync, type Stats, statSync } from 'node:fs'
import { HeldDirectory } from '@bgtask/os'
import { type Access, PathTooLongError, PermissionError, PoolDirError, TaskGoneError } from '@bgtask/protocol'
import { MAX_SOCKET_PATH_BYTES } from '@bgtask/protocol/rpc'
import type { RecordCache } from './record-cache.js'

/** A pool's directory as it was inspected, and whose files in it are trusted. */
export interface PoolDirectory {
  readonly path: string
  /** The path of a file in it. */
  readonly at: (name: string) => string
  /** Identifies it: another directory can be put at its path. */
  readonly inode: string
  /** Whether files of that owner are the pool's: one's own, root's, the directory owner's, and those of `access.owners`. */
  readonly trusts: (uid: number) => boolean
  /** Records that were read before, in a pool that keeps them. */
  readonly records?: RecordCache
}

/** The longest name of a socket: pids end at 2^22 on Linux. */
const LONGEST_SOCKET_NAME = '4194304.sock'

/** @throws PathTooLongError if the socket of some pid would not fit. */
export function checkPathLength(path: string): void {
  const longest = `${path}/${LONGEST_SOCKET_NAME}`
  const bytes = Buffer.byteLength(longest)
  if (bytes > MAX_SOCKET_PATH_BYTES) throw new PathTooLongError(longest, bytes, MAX_SOCKET_PATH_BYTES)
}

/**
 * Inspects the directory. Done at every use, since it can be replaced at any time.
 *
 * @returns undefined if it is missing.
 * @throws PoolDirError if it is not a directory, or if untrusted users could replace its entries.
 */
export function inspectDirectory(path: string, access: Access): PoolDirectory | undefined {
  const stats = lstatOrUndefined(path)
  if (stats === undefined) return undefined
  if (stats.isSymbolicLink()) throw new PoolDirError(path, 'unsafe', 'is a symbolic link, which its owner can redirect')
  if (!stats.isDirectory()) throw new PoolDirError(path, 'not-a-directory')
  const reason = whyUnsafe(stats, access)
  if (reason !== undefined) throw new PoolDirError(path, 'unsafe', reason)
  const owners = new Set([process.geteuid?.() ?? stats.uid, 0, stats.uid, ...access.owners])
  return { path, at: (name) => `${path}/${name}`, inode: inodeOf(stats), trusts: (uid) => owners.has(uid) }
}

/**
 * Opens the directory that was inspected, whatever is put at its path meanwhile: nothing may be removed from another one,
 * in which files in use may have the same names.
 *
 * @throws PoolDirError if another one has replaced it.
 */
export async function whileHeld<T>(
  directory: PoolDirectory,
  work: (held: PoolDirectory) => T | Promise<T>,
): Promise<T> {
  const held = hold(directory.path)
  try {
    const at = (name: string) => held.at(name)
    if (inodeOf(statSync(at('.'))) !== directory.inode) throw replaced(directory.path)
    return await work({ ...directory, at })
  } finally {
    held.close()
  }
}

/** Identifies a file. */
export function inodeOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

/**
 * Inspects a socket before a connect.
 *
 * @returns the uid of its owner.
 * @throws TaskGoneError if it is missing, PermissionError if its owner is not trusted.
 */
export function checkSocket(directory: PoolDirectory, path: string, pid: number): number {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats?.isSocket()) throw new TaskGoneError(pid, { path })
  if (!directory.trusts(stats.uid)) {
    throw new PermissionError(
      path,
      `belongs to uid ${stats.uid}, who is not trusted here (see the option access.owners)`,
    )
  }
  return stats.uid
}

function hold(path: string): HeldDirectory {
  try {
    return new HeldDirectory(path)
  } catch (cause) {
    throw replaced(path, cause)
  }
}

function replaced(path: string, cause?: unknown): PoolDirError {
  return new PoolDirError(path, 'unsafe', 'was replaced or removed since it was inspected', { cause })
}

function lstatOrUndefined(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw new PoolDirError(path, 'unusable', `cannot be inspected: ${(error as Error).message}`, { cause: error })
  }
}

/** Without the sticky bit, every user who may write to a directory can replace all sockets in it. */
function whyUnsafe({ mode, gid }: Stats, access: Access): string | undefined {
  const sticky = (mode & 0o1000) !== 0
  if (sticky) return undefined
  if ((mode & 0o002) !== 0) return 'can be written by everybody and is not sticky (chmod +t makes it safe)'
  const groupIsOurs = gid === process.getegid?.() || gid === access.gid
  if ((mode & 0o020) !== 0 && !groupIsOurs) {
    return `can be written by group ${gid} and is not sticky (chmod +t makes it safe, the option access.gid allows it)`
  }
  return undefined
}
