import { type BgTaskError, isPlainObject, LaunchError } from '@bgtask/protocol'
import { fromWireError } from '@bgtask/protocol/rpc'

/** What is kept of a supervisor's words: the newest, since the reason comes last. */
const MAX_WORDS_BYTES = 64 * 1024

const READY_LINE = /^DAEMON_PID=([1-9]\d{0,9})$/
const READY_LINE_AMONG_OTHERS = /^DAEMON_PID=[1-9]\d{0,9}\n/m
const ERROR_PREFIX = 'BGTASK_ERROR='

/**
 * Reads what a supervisor writes to stderr while it starts (design §5): any words, then either the line
 * `DAEMON_PID=<pid>`, or the end, perhaps with a line `BGTASK_ERROR=<json>` before it.
 */
export class LaunchReport {
  /** As latin1, so that a character split over chunks comes out whole. */
  #text = ''
  #line = ''
  #pid: number | undefined
  #errorLine: string | undefined

  /** The supervisor's pid, once it said that it is ready. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** What was written so far, as far as it is kept. */
  get words(): string {
    return Buffer.from(this.#text, 'latin1').toString('utf8')
  }

  /** The same without the ready line. */
  get wordsBesideReady(): string {
    return this.words.replace(READY_LINE_AMONG_OTHERS, '')
  }

  push(chunk: Buffer): void {
    const text = chunk.toString('latin1')
    this.#text = (this.#text + text).slice(-MAX_WORDS_BYTES)
    const lines = (this.#line + text).split('\n')
    this.#line = (lines.pop() ?? '').slice(-MAX_WORDS_BYTES)
    for (const line of lines) this.#take(line)
  }

  /** Nothing more comes: the last line may have no end. */
  end(): void {
    this.#take(this.#line)
    this.#line = ''
  }

  /** Why the launch failed, in the supervisor's words or by the error it named. */
  failure(how: { supervisor?: string; exitCode?: number; signal?: string } = {}): BgTaskError {
    return this.#namedError(how) ?? new LaunchError(this.words, how)
  }

  #take(line: string): void {
    const pid = READY_LINE.exec(line)?.[1]
    if (pid !== undefined) this.#pid ??= Number(pid)
    else if (line.startsWith(ERROR_PREFIX)) this.#errorLine = Buffer.from(line, 'latin1').toString('utf8')
  }

  #namedError({ supervisor }: { supervisor?: string }): BgTaskError | undefined {
    if (this.#errorLine === undefined) return undefined
    const wire = parse(this.#errorLine.slice(ERROR_PREFIX.length))
    if (!isPlainObject(wire) || typeof wire.code !== 'string') return undefined
    // Facts may stand beside code and message too, which is how one writes it by hand.
    const { code, message, data, ...facts } = wire
    const error = fromWireError({ code, message, data: data ?? facts })
    if (error.code !== 'ERR_BGTASK_REMOTE') return error
    return new LaunchError(`${code}: ${error.message}`, { supervisor, cause: error })
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
