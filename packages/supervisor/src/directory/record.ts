import { closeSync, lstatSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HeldDirectory, MAX_RECORD_BYTES, recordFileName, temporaryFileName } from '@bgtask/os'
import type { Access, TaskRecord } from '@bgtask/protocol'
import { createOwned, removeFile } from './files.js'

/** Removes the record of an earlier supervisor of the task, if it is this user's. */
export function removeRecordOf(directory: HeldDirectory, pid: number, taskId: string): void {
  const path = directory.at(recordFileName(pid, taskId))
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (pid !== process.pid && stats?.isFile() && stats.uid === process.geteuid?.()) removeFile(path)
}

/** The task's record in the pool's directory: the facts that clients get without a call. */
export class RecordFile {
  readonly #directory: HeldDirectory
  readonly #name: string
  readonly #access: Access
  #removed = false

  constructor(directory: HeldDirectory, taskId: string, access: Access) {
    this.#directory = directory
    this.#name = recordFileName(process.pid, taskId)
    this.#access = access
  }

  /** Its path, for messages. */
  get path(): string {
    return join(this.#directory.path, this.#name)
  }

  /** Replaces the record in one step: a reader gets the whole old or new one. @throws the system's error. */
  write(record: TaskRecord): void {
    if (this.#removed) throw new Error('the task has ended and its record was removed')
    const bytes = Buffer.from(JSON.stringify(record))
    // Clients refuse a larger one.
    if (bytes.length > MAX_RECORD_BYTES)
      throw new Error(`the record has ${bytes.length} bytes, ${MAX_RECORD_BYTES} is the most`)
    try {
      this.#replace(bytes)
    } catch (error) {
      throw this.#directory.explain(error)
    }
  }

  #replace(bytes: Buffer): void {
    const temporaryPath = this.#directory.at(temporaryFileName(process.pid))
    const fd = createOwned(temporaryPath, this.#access)
    try {
      writeFileSync(fd, bytes)
      renameSync(temporaryPath, this.#directory.at(this.#name))
    } catch (error) {
      removeFile(temporaryPath)
      throw error
    } finally {
      closeSync(fd)
    }
  }

  /** Removes it for good. */
  remove(): void {
    this.#removed = true
    removeFile(this.#directory.at(this.#name))
  }
}
