import { fstatSync, ftruncateSync, writeSync } from 'node:fs'

/** The log is about the supervisor, without the child's output; it is truncated when it gets larger than this. */
const MAX_LOG_BYTES = 1024 * 1024

/** The supervisor's own words. Nothing that goes wrong with the log (a full disk, a closed pipe) may disturb the task. */
export class Log {
  readonly #debugging: boolean
  #fd: number

  constructor(fd: number, debugging = Boolean(process.env.BGTASK_DEBUG)) {
    this.#fd = fd
    this.#debugging = debugging
  }

  /** Continues in another file. */
  moveTo(fd: number): void {
    this.#fd = fd
  }

  write(text: string): void {
    try {
      const size = fstatSync(this.#fd)
      if (size.isFile() && size.size > MAX_LOG_BYTES) ftruncateSync(this.#fd)
      writeSync(this.#fd, `${new Date().toISOString()} [${process.pid}] ${text}\n`)
    } catch {
      // ENOSPC, EPIPE, EBADF: the log is the only place to report it.
    }
  }

  /** Only with `BGTASK_DEBUG` in the supervisor's environment; the text is not even made otherwise. */
  debug(text: () => string): void {
    if (this.#debugging) this.write(text())
  }
}
