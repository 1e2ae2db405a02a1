import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { readProcessStat } from '@bgtask/os'
import { relay } from '../relay.js'
import type { StartedSupervisor, StartListener } from './started-supervisor.js'

/** How long (ms) the end of a pipe is waited for after the supervisor's: somebody else may hold its far end. */
const CLOSING_MS = 100

/** A process of this one with pipes for spec and stderr, and in the foreground for stdout: the supervisor, or a shell before it. */
export interface PipedProcess {
  readonly child: ChildProcess
  /** Undefined if the process could not be made, like the others. */
  readonly spec: Socket | undefined
  readonly isForeground: boolean
  /** It is the supervisor itself, or exits with 0 as soon as that has detached: any other end is the supervisor's. */
  readonly hasStatus: boolean
}

export class PipedSupervisor implements StartedSupervisor {
  readonly since: number | undefined
  readonly #process: PipedProcess
  readonly #listener: StartListener
  readonly #stdout: Socket | null
  readonly #stderr: Socket | null
  #hasEnded = false
  #isGiven = false
  #isSpecUnread = false

  constructor(process: PipedProcess, listener: StartListener) {
    const { child, spec } = process
    this.#process = process
    this.#listener = listener
    this.#stdout = child.stdout as Socket | null
    this.#stderr = child.stderr as Socket | null
    this.since = readProcessStat(child.pid ?? 0)?.startTime
    child.once('error', (error) => this.#end(error))
    for (const pipe of this.#pipes()) pipe.on('error', () => {})
    // The far end was closed with bytes in it that nobody had read.
    spec?.once('error', () => {
      this.#isSpecUnread = true
    })
    this.#stderr?.on('data', this.#onStderr)
    if (this.#stdout != null) relay(this.#stdout, globalThis.process.stdout)
    for (const event of ['end', 'close']) this.#stderr?.once(event, () => void this.#stderrEnded())
  }

  give(spec: Buffer): void {
    this.#isGiven = true
    // It is read from only because a socket reports in no other way that it was closed.
    this.#process.spec?.end(spec).resume()
  }

  setRef(ref: boolean): void {
    const method = ref ? 'ref' : 'unref'
    this.#process.child[method]()
    for (const pipe of this.#pipes()) pipe[method]()
  }

  close(): void {
    for (const pipe of this.#pipes()) pipe.destroy()
  }

  async shown(): Promise<void> {
    await closed(this.#stdout)
    this.#stdout?.destroy()
  }

  release(shown: string): void {
    if (!this.#process.isForeground || this.#stderr === null) {
      this.close()
      this.#process.child.unref()
      return
    }
    this.#process.spec?.destroy()
    this.#stderr.off('data', this.#onStderr)
    relay(this.#stderr, process.stderr)
    if (shown !== '') process.stderr.write(shown)
    this.#stderr.resume()
  }

  readonly #onStderr = (chunk: Buffer): void => {
    if (!this.#listener.onStderr(chunk)) this.#stderr?.pause()
  }

  async #stderrEnded(): Promise<void> {
    const { child, spec, hasStatus } = this.#process
    // The socket shows whether the spec was read a moment before or after the end of stderr.
    if (this.#isGiven) await closed(spec)
    if (hasStatus && child.exitCode === null && child.signalCode === null) child.once('exit', () => this.#end())
    else this.#end()
  }

  #end(error?: Error): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const { child, hasStatus, isForeground } = this.#process
    const isKnown = hasStatus && (isForeground || child.exitCode !== 0)
    const exitCode = isKnown ? (child.exitCode ?? undefined) : undefined
    const signal = isKnown ? (child.signalCode ?? undefined) : undefined
    this.#listener.onEnd({ error, exitCode, signal, mayRepeat: this.#isSpecUnread })
  }

  #pipes(): Socket[] {
    return [this.#process.spec, this.#stderr].filter((pipe) => pipe != null)
  }
}

/** Waits until a pipe is closed, at most `CLOSING_MS`. */
function closed(pipe: Socket | null | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (pipe == null || pipe.destroyed) return resolve()
    const timer = setTimeout(resolve, CLOSING_MS)
    pipe.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
