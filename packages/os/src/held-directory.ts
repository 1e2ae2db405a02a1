import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'

/** As in Linux's headers; Node does not export it. Such a descriptor names a directory and needs no right to read it. */
const O_PATH = 0o10000000

/**
 * A directory as it was when it was opened. Whoever may write to its parent can put another one at its path later; nothing
 * is written to that one, or removed from it.
 */
export class HeldDirectory {
  /** Where it was; for people. */
  readonly path: string
  readonly #fd: number | undefined
  #closed = false

  /** @throws what the system says, for a symbolic link too. */
  constructor(path: string) {
    this.path = path
    this.#fd = hold(path)
  }

  /** The path by which a file in it is reached from this process, until `close`. */
  at(name: string): string {
    // The number may be that of another file by now.
    if (this.#closed) throw new Error(`${this.path} is closed`)
    return this.#fd === undefined ? join(this.path, name) : `/proc/self/fd/${this.#fd}/${name}`
  }

  /** The same error, with the path that people know. */
  explain<E>(error: E): E {
    if (error instanceof Error && this.#fd !== undefined)
      error.message = error.message.replaceAll(`/proc/self/fd/${this.#fd}/`, `${this.path}/`)
    return error
  }

  close(): void {
    if (!this.#closed && this.#fd !== undefined) closeSync(this.#fd)
    this.#closed = true
  }
}

/** Undefined where files cannot be reached by a descriptor of their directory: without `/proc`. Then paths must do. */
function hold(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  if (existsSync(`/proc/self/fd/${fd}`)) return fd
  closeSync(fd)
  return undefined
}
