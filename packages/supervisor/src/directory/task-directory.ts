import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { HeldDirectory, parseSegmentName, SPEC_FILE_NAME, taskDirectoryName } from '@bgtask/os'
import { type Access, type LaunchSpec, LockHeldError, PlatformError } from '@bgtask/protocol'
import { tryFlock } from '../lock/flock.js'
import { nameTaken } from './claim.js'
import { removeFile } from './files.js'

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = constants

/** The directory of one task: its output in files, and its spec. While it is open no other supervisor can open it. */
export class TaskDirectory {
  readonly held: HeldDirectory
  readonly #parent: HeldDirectory
  readonly #name: string
  /** Holds the lock. */
  readonly #fd: number

  private constructor(parent: HeldDirectory, name: string) {
    this.held = new HeldDirectory(parent.at(name))
    this.#parent = parent
    this.#name = name
    this.#fd = openSync(this.held.at('.'), O_RDONLY | O_DIRECTORY)
    const free = tryFlock(this.#fd)
    if (free === false) throw new LockHeldError(join(parent.path, name))
    if (free === undefined) throw new PlatformError('a directory of a task (without a flock program)')
  }

  /** @throws RemoteError NAME_TAKEN if there is such a name; otherwise what the system says. */
  static make(parent: HeldDirectory, taskId: string, access: Access): TaskDirectory {
    const name = taskDirectoryName(taskId)
    make(parent, name)
    try {
      const directory = new TaskDirectory(parent, name)
      directory.#takeOver(access)
      return directory
    } catch (error) {
      rmdirSync(parent.at(name))
      throw parent.explain(error)
    }
  }

  /** That of a task which is started again; a missing one is made. @throws LockHeldError if a supervisor has it. */
  static reopen(parent: HeldDirectory, taskId: string, access: Access): TaskDirectory {
    const name = taskDirectoryName(taskId)
    if (lstatSync(parent.at(name), { throwIfNoEntry: false }) === undefined)
      return TaskDirectory.make(parent, taskId, access)
    const directory = new TaskDirectory(parent, name)
    const { uid } = fstatSync(directory.#fd)
    if (uid !== process.geteuid?.()) throw nameTaken(parent, name, `it belongs to uid ${uid}`)
    return directory
  }

  /** The same error, with the path that people know. */
  explain<E>(error: E): E {
    return this.#parent.explain(this.held.explain(error))
  }

  /** Keeps the spec, unless it is there. It holds the environment, so it is for its owner alone. */
  keepSpec(bytes: Uint8Array): void {
    const path = this.held.at(SPEC_FILE_NAME)
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return
    const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      fchmodSync(fd, 0o600)
      writeFileSync(fd, bytes)
    } finally {
      closeSync(fd)
    }
  }

  /** Removes the task's files in it, and itself if nothing else is left. */
  remove(): void {
    try {
      for (const file of readdirSync(this.held.at('.'))) {
        if (file === SPEC_FILE_NAME || parseSegmentName(file) !== undefined) removeFile(this.held.at(file))
      }
      // Another process may have put something else there.
      const path = this.#parent.at(this.#name)
      if (lstatSync(path, { throwIfNoEntry: false })?.ino === fstatSync(this.#fd).ino) rmdirSync(path)
    } catch {
      // Files of others stay, and the directory with them.
    }
    this.held.close()
  }

  /** Gives it mode and group, if it is the one that was just made. */
  #takeOver(access: Access): void {
    const { uid, mode } = fstatSync(this.#fd)
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0)
      throw nameTaken(this.#parent, this.#name, 'it was replaced')
    if (access.gid !== null) fchownSync(this.#fd, -1, access.gid)
    fchmodSync(this.#fd, modeOf(access))
  }
}

/** Undefined for a task that has nothing to keep. @throws as `TaskDirectory.make` and `reopen`. */
export function openTaskDirectory(parent: HeldDirectory, spec: LaunchSpec): TaskDirectory | undefined {
  const { taskId, access, spool, lingerMs, resume } = spec
  if (resume !== null) return TaskDirectory.reopen(parent, taskId, access)
  return spool === null && lingerMs === null ? undefined : TaskDirectory.make(parent, taskId, access)
}

/** Only its owner may write to it: a name that another user puts there could stop the output. */
function modeOf({ mode }: Access): number {
  const readable = mode & 0o044
  return 0o700 | readable | (readable >> 2)
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
