import { closeSync, constants, fchmodSync, fchownSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import type { Access } from '@bgtask/protocol'

/** Creates a file with exactly this mode and group. @throws EEXIST if the name is taken. */
export function createOwned(path: string, access: Access, extraFlags = 0): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | extraFlags, 0o600)
  try {
    if (access.gid !== null) fchownSync(fd, -1, access.gid)
    fchmodSync(fd, access.mode & 0o666)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Removes a file if it exists. For another user's file in a sticky directory, `rmSync` would report a wrong reason. */
export function removeFile(path: string): void {
  // An exception would cost more than this check.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Removes a name of the file with that inode; another file may have replaced it. */
export function removeIfSame(path: string, inode: number | undefined): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.ino === inode) removeFile(path)
}
