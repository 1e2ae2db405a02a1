import { closeSync, constants, fstatSync, lstatSync, openSync, renameSync } from 'node:fs'
import { type HeldDirectory, logFileName, temporaryFileName } from '@bgtask/os'
import type { Access } from '@bgtask/protocol'
import { nameTaken } from './claim.js'
import { createOwned, removeIfSame } from './files.js'

const { O_WRONLY, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants

/** The supervisor's log in the pool's directory. */
export class LogFile {
  readonly fd: number
  readonly #directory: HeldDirectory
  readonly #name = logFileName(process.pid)
  readonly #temporaryName = temporaryFileName(process.pid)
  readonly #inode: number

  /** Creates it under a temporary name, so that a full or read-only directory fails the launch. */
  constructor(directory: HeldDirectory, access: Access) {
    this.#directory = directory
    this.fd = createOwned(directory.at(this.#temporaryName), access, O_APPEND)
    this.#inode = fstatSync(this.fd).ino
  }

  /** Renames it, once its name is claimed: a file there was left by an earlier process with this pid. */
  publish(): void {
    const path = this.#directory.at(this.#name)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats !== undefined && (stats.uid !== process.geteuid?.() || stats.isDirectory()))
      throw nameTaken(this.#directory, this.#name, `it belongs to uid ${stats.uid}, or is a directory`)
    renameSync(this.#directory.at(this.#temporaryName), path)
  }

  /** Another descriptor of this file, not by its name: that may be another file by now, such as a FIFO without a reader. */
  reopen(): number {
    try {
      return openSync(`/proc/self/fd/${this.fd}`, O_WRONLY | O_APPEND)
    } catch {
      // Without /proc.
      const fd = openSync(this.#directory.at(this.#name), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK)
      if (fstatSync(fd).ino === this.#inode) return fd
      closeSync(fd)
      throw new Error(`${this.#name} was replaced`)
    }
  }

  close(): void {
    closeSync(this.fd)
  }

  /** Removes it at the end of the supervisor. */
  remove(): void {
    for (const name of [this.#temporaryName, this.#name]) removeIfSame(this.#directory.at(name), this.#inode)
  }
}
