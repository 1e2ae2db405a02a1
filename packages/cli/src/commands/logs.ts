import { setMaxListeners } from 'node:events'
import { TimeoutError } from '@bgtask/protocol'
import { CliError, EXIT } from '../errors.js'
import { exitCodeOfTask } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { LogPrinter } from '../output/log-printer.js'
import { printJson } from '../output/print.js'
import { tailOf } from '../output/tail.js'
import { type Gap, outputOf, type Piece, type Position } from '../output/task-output.js'
import { PatternWatch } from '../output/until.js'
import { findTargets, type LiveTarget, needLive } from '../targets.js'
import { count, duration, examples, poolCommand, regExp } from './common.js'

export function logsCommand() {
  return poolCommand('logs')
    .description("print tasks' output: stdout to stdout, stderr to stderr")
    .argument('<id...>', 'of several, each line says whose it is')
    .option('-f, --follow', 'go on as more comes, until the output ends')
    .option('-n, --tail <lines>', 'begin with the last so many lines', count)
    .option('--from <offset>', 'begin at this byte of the one output chosen', count)
    .option('--stdout', 'stdout only')
    .option('--stderr', 'stderr only')
    .option('--grep <pattern>', 'lines that match a regular expression only', regExp)
    .option('--until <pattern>', 'follow until the output matches; exit code 1 where it ends first', regExp)
    .option('--timeout <duration>', 'follow no longer than this; exit code 124', duration)
    .option('--discard', 'let the task forget what was printed, so that one with --overflow block goes on')
    .addHelpText('after', examples('bgtask logs -f -n 100 web', 'bgtask logs web --until "listening on" --timeout 30s'))
    .action(logs)
}

interface LogsOptions extends PoolOption {
  readonly json?: boolean
  readonly follow?: boolean
  readonly tail?: number
  readonly from?: number
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly grep?: RegExp
  readonly until?: RegExp
  readonly timeout?: number
  readonly discard?: boolean
}

async function logs(ids: readonly string[], options: LogsOptions): Promise<void> {
  checkOptions(options, ids)
  const targets = (await findTargets(openPool(options), ids)).map(needLive)
  const follows = options.follow === true || options.until !== undefined
  const over = new AbortController()
  // Each task's output listens to it, and Node warns of a leak above ten.
  setMaxListeners(0, over.signal)
  const printer = new LogPrinter({ json: options.json, grep: options.grep, named: targets.length > 1 })
  const logs = targets.map((target) => new Log(target, options, printer, over))
  try {
    // One after the other what is there, whatever the time limit; then all at once what comes.
    for (const log of logs) await log.printKept()
    if (options.timeout !== undefined && follows) setTimeout(() => over.abort('timeout'), options.timeout)
    if (follows) await Promise.all(logs.map((log) => log.follow()))
  } catch (error) {
    if (!over.signal.aborted) throw error
  }
  for (const target of targets) await printer.end(target)
  if (options.until !== undefined) process.exitCode = over.signal.reason === 'matched' ? 0 : EXIT.noMatch
  if (over.signal.reason === 'timeout') throw timeoutOf(targets, options)
}

function timeoutOf(targets: readonly LiveTarget[], { timeout = 0, until }: LogsOptions): TimeoutError {
  const tasks = `task${targets.length > 1 ? 's' : ''} ${targets.map(({ id }) => id).join(', ')}`
  return new TimeoutError(
    timeout,
    until ? `waiting for ${until} in the output of ${tasks}` : `following the output of ${tasks}`,
  )
}

function checkOptions({ stdout, stderr, from, tail }: LogsOptions, ids: readonly string[]): void {
  if (from === undefined) return
  if (stdout === stderr || ids.length > 1) {
    throw new CliError('ERR_BGTASK_USAGE', '--from is an offset in one output: add --stdout or --stderr, and one id')
  }
  if (tail !== undefined) throw new CliError('ERR_BGTASK_USAGE', '--from and --tail exclude each other')
}

/** The output of one task, on its way to where it is printed. */
class Log {
  readonly #target: LiveTarget
  readonly #options: LogsOptions
  readonly #printer: LogPrinter
  readonly #over: AbortController
  readonly #until: PatternWatch | undefined
  #from: Position

  /** @param over aborted by us where `--until` matches. */
  constructor(target: LiveTarget, options: LogsOptions, printer: LogPrinter, over: AbortController) {
    this.#target = target
    this.#options = options
    this.#printer = printer
    this.#over = over
    this.#until = options.until === undefined ? undefined : new PatternWatch(options.until)
    this.#from = options.from
  }

  /** Prints what is there, or its last lines. */
  async printKept(): Promise<void> {
    const { tail } = this.#options
    if (tail === undefined) return this.#print(this.#output(false))
    const { pieces, next } = await tailOf(this.#output(false), tail)
    await this.#print(pieces)
    this.#from = next
  }

  /** Prints what comes behind it, until the output ends. */
  async follow(): Promise<void> {
    await this.#print(this.#output(true))
    await this.#printer.end(this.#target)
    if (this.#options.json) await tellEnd(this.#target)
  }

  #output(follow: boolean): AsyncIterable<Piece | Gap> {
    const { stdout, stderr } = this.#options
    const stream = stdout === stderr ? undefined : stdout ? 'stdout' : 'stderr'
    return outputOf(this.#target.task, { stream, from: this.#from, follow, signal: this.#over.signal })
  }

  async #print(pieces: AsyncIterable<Piece | Gap> | Iterable<Piece | Gap>): Promise<void> {
    const { signal } = this.#over
    for await (const piece of pieces) {
      await this.#printer.show(this.#target, piece)
      this.#from = piece.next
      if (piece.gap) continue
      const { stream, offset, data } = piece
      if (this.#options.discard) await this.#target.task[stream].discard(offset + data.length, { signal })
      if (this.#until?.sees(stream, data)) this.#over.abort('matched')
      signal.throwIfAborted()
    }
  }
}

/** The last line of a stream of JSON: why no more comes. */
async function tellEnd({ id, task }: LiveTarget): Promise<void> {
  const { state, exitStatus } = await task.info()
  const code = exitStatus === null ? null : exitCodeOfTask(exitStatus)
  await printJson({ type: 'end', id, state, exitStatus, code })
}
