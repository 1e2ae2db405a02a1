import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  type Access,
  MAX_RECORD_BYTES,
  recordFileName,
  type TaskRecord,
  temporaryRecordFileName,
} from '@bgtask/protocol'

/** The task's record in the pool's directory: what is known of it when its supervisor can no longer be asked. */
export class RecordFile {
  readonly path: string
  readonly #temporaryPath: string
  readonly #access: Access
  #removed = false

  constructor(poolPath: string, taskId: string, access: Access) {
    this.path = join(poolPath, recordFileName(process.pid, taskId))
    this.#temporaryPath = join(poolPath, temporaryRecordFileName(process.pid))
    this.#access = access
  }

  /** Replaces the record in one step: whoever reads it sees the old or the new one, whole. Throws what the system says. */
  write(record: TaskRecord): void {
    if (this.#removed) throw new Error('the task is over and its record removed')
    const bytes = Buffer.from(JSON.stringify(record))
    // Nobody would read it.
    if (bytes.length > MAX_RECORD_BYTES)
      throw new Error(`the record has ${bytes.length} bytes, ${MAX_RECORD_BYTES} is the most`)
    const fd = createOwned(this.#temporaryPath, this.#access)
    try {
      writeFileSync(fd, bytes)
    } finally {
      closeSync(fd)
    }
    renameSync(this.#temporaryPath, this.path)
  }

  /** Removes it for good. */
  remove(): void {
    this.#removed = true
    removeFile(this.#temporaryPath)
    removeFile(this.path)
  }
}

/** Creates a file with exactly the mode and group asked for, in place of one that an earlier process with our pid left. */
export function createOwned(path: string, access: Access, extraFlags = 0): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const fd = openNew(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | extraFlags)
  try {
    if (access.gid !== null) fchownSync(fd, -1, access.gid)
    fchmodSync(fd, access.mode & 0o666)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function openNew(path: string, flags: number): number {
  try {
    return openSync(path, flags, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    removeFile(path)
    return openSync(path, flags, 0o600)
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
