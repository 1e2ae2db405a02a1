import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { currentUmask } from '@bgtask/os'
import { type Access, InvalidOptionError, type OptionsOf, PoolDirError, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'

const integerTo = (max: number) =>
  v.nullish(
    v.custom<number>(
      (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max,
      `must be an integer from 0 to ${max}`,
    ),
  )

/** How a missing directory is made; `mode` (default 0o700) is exact whatever the umask. */
const mkdirOptionsSchema = v.strictObject({
  mode: integerTo(0o7777),
  uid: integerTo(0xffff_fffe),
  gid: integerTo(0xffff_fffe),
})
export type MkdirOptions = OptionsOf<typeof mkdirOptionsSchema>

/** `true` for the defaults, or the options as an object or as `[mode, uid, gid]`. */
export type MkdirIfMissing =
  | boolean
  | MkdirOptions
  | readonly [mode?: number | null | undefined, uid?: number | null | undefined, gid?: number | null | undefined]

const DEFAULT_MODE = 0o700

/** Checks and normalizes `mkdirIfMissing`; undefined if a missing directory is an error. */
export function parseMkdirIfMissing(value: MkdirIfMissing | undefined | null): MkdirOptions | undefined {
  if (value === undefined || value === null || value === false) return undefined
  if (value === true) return {}
  if (typeof value !== 'object' || (Array.isArray(value) && value.length > 3)) {
    throw new InvalidOptionError('mkdirIfMissing', value, 'must be true, { mode, uid, gid } or [mode, uid, gid]')
  }
  if (!Array.isArray(value)) return parseOptions(mkdirOptionsSchema, value, 'mkdirIfMissing')
  const [mode, uid, gid] = value
  return parseOptions(mkdirOptionsSchema, { mode, uid, gid }, 'mkdirIfMissing')
}

/** Makes the directory and its parents. If another process makes it first, it stays as it is, for `checkAsAsked`. */
export function makePoolDirectory(path: string, { mode, uid, gid }: MkdirOptions): void {
  try {
    makeParents(dirname(path))
    // Private until owner and mode are set.
    mkdirWith(0o700, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw new PoolDirError(path, 'unusable', `cannot be made: ${(error as Error).message}`, { cause: error })
  }
  try {
    setOwnerAndMode(path, mode ?? DEFAULT_MODE, uid ?? undefined, gid ?? undefined)
  } catch (error) {
    rmdirSync(path)
    throw new PoolDirError(path, 'unusable', `cannot be given its owner and mode: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/**
 * Checks that an existing directory could have been made with these options: the user who makes it first decides who else
 * may enter.
 *
 * @throws PoolDirError if its owner is neither this user, root, nor named, or its mode allows more than the requested one.
 */
export function checkAsAsked(path: string, { mode, uid }: MkdirOptions, access: Access): void {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined || access.owners.includes(stats.uid)) return
  const own = process.geteuid?.() ?? stats.uid
  if (stats.uid === 0 && own !== 0) return
  if (stats.uid !== own && stats.uid !== uid) {
    const remedy = 'see the option access.owners, or leave out mkdirIfMissing'
    throw new PoolDirError(path, 'unsafe', `is owned by uid ${stats.uid}, which is not trusted here (${remedy})`)
  }
  const wider = mode === undefined || mode === null ? 0 : stats.mode & 0o777 & ~mode
  if (wider === 0) return
  const [got, asked] = [stats.mode & 0o7777, mode as number].map((bits) => bits.toString(8))
  throw new PoolDirError(path, 'unsafe', `has mode ${got}, which allows more than the ${asked} of mkdirIfMissing`)
}

/** Not with `recursive`: Node 20 retries for ever if a parent can hold no directories (`/proc`). */
function makeParents(path: string): void {
  if (existsSync(path)) return
  makeParents(dirname(path))
  try {
    // Not wider, even with umask 0: a user who may write to a parent can replace the directory in it.
    mkdirWith(0o755, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** With an umask that removes rights of the owner too. A worker thread cannot change the umask; there the mkdir may fail. */
function mkdirWith(mode: number, path: string): void {
  const isInTheWay = (currentUmask() & 0o700) !== 0 && isMainThread
  const umask = isInTheWay ? process.umask(0o077) : undefined
  try {
    mkdirSync(path, mode)
  } finally {
    if (umask !== undefined) process.umask(umask)
  }
}

/** By descriptor, since another directory can replace it in between; chown first, since it clears setgid. */
function setOwnerAndMode(path: string, mode: number, uid: number | undefined, gid: number | undefined): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    if (uid !== undefined || gid !== undefined) {
      const made = fstatSync(fd)
      fchownSync(fd, uid ?? made.uid, gid ?? made.gid)
    }
    fchmodSync(fd, mode)
  } finally {
    closeSync(fd)
  }
}
