import { closeSync, constants, fchmodSync, fchownSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import type { Access } from '@bgtask/protocol'

/** Creates a file with exactly the mode and group asked for. @throws EEXIST where the name is taken. */
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

/** Removes a file that may be gone already. `rmSync` tells a wrong reason where it is somebody else's in a sticky directory. */
export function removeFile(path: string): void {
  // An exception would cost more than this look.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Removes a name of the file with that inode; another file may have been put in its place. */
export function removeIfSame(path: string, inode: number | undefined): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.ino === inode) removeFile(path)
}
