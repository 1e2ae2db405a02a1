import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
} from 'node:fs'
import { HeldDirectory, parseSegmentName, taskDirectoryName } from '@bgtask/os'
import type { Access } from '@bgtask/protocol'
import { nameTaken } from '../../directory/claim.js'
import { removeFile } from '../../directory/files.js'

/** The directory of a task's output. */
export interface SpoolDirectory {
  readonly held: HeldDirectory
  /** The same error, with the path that people know. */
  explain<E>(error: E): E
  /** Removes the segments in it, and itself if nothing else is left. */
  remove(): void
}

/** Only its owner may write to it: a name that another user puts there could stop the output. */
function modeOf({ mode }: Access): number {
  const readable = mode & 0o044
  return 0o700 | readable | (readable >> 2)
}

/** @throws RemoteError NAME_TAKEN if there is such a name; otherwise what the system says. */
export function makeSpoolDirectory(parent: HeldDirectory, taskId: string, access: Access): SpoolDirectory {
  const name = taskDirectoryName(taskId)
  make(parent, name)
  const held = new HeldDirectory(parent.at(name))
  try {
    const inode = takeOver(held, parent, name, access)
    const remove = () => removeSegments(held, parent, name, inode)
    return { held, explain: (error) => parent.explain(held.explain(error)), remove }
  } catch (error) {
    held.close()
    rmdirSync(parent.at(name))
    throw parent.explain(error)
  }
}

/** With mode 0700, also under a umask that takes rights from the owner. */
function make(parent: HeldDirectory, name: string): void {
  const umask = process.umask(0o077)
  try {
    mkdirSync(parent.at(name), 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw nameTaken(parent, name, 'the output of another task is there')
    throw parent.explain(error)
  } finally {
    process.umask(umask)
  }
}

/** Gives it mode and group, if it is the one that was just made. Returns its inode. */
function takeOver(held: HeldDirectory, parent: HeldDirectory, name: string, access: Access): number {
  const { uid, mode, ino } = lstatSync(held.at('.'))
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) throw nameTaken(parent, name, 'it was replaced')
  const fd = openSync(held.at('.'), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    if (access.gid !== null) fchownSync(fd, -1, access.gid)
    fchmodSync(fd, modeOf(access))
  } finally {
    closeSync(fd)
  }
  return ino
}

function removeSegments(held: HeldDirectory, parent: HeldDirectory, name: string, inode: number): void {
  try {
    for (const file of readdirSync(held.at('.'))) {
      if (parseSegmentName(file) !== undefined) removeFile(held.at(file))
    }
    // Another process may have put something else there.
    if (lstatSync(parent.at(name), { throwIfNoEntry: false })?.ino === inode) rmdirSync(parent.at(name))
  } catch {
    // Files of others stay, and the directory with them.
  }
  held.close()
}
