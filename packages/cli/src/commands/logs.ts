import { setMaxListeners } from 'node:events'
import { TimeoutError } from '@bgtask/protocol'
import { CliError, EXIT } from '../errors.js'
import { exitCodeOfTask } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { LogPrinter } from '../output/log-printer.js'
import { printJson } from '../output/print.js'
import { tailOf } from '../output/tail.js'
import { type Gap, type Outputs, outputOf, type Piece, type Position } from '../output/task-output.js'
import { PatternWatch } from '../output/until.js'
import { findTargets, outputsOf, type Target } from '../targets.js'
import { count, duration, examples, poolCommand, regExp } from './common.js'

export function logsCommand() {
  return poolCommand('logs')
    .description('print the output of tasks: stdout to stdout, stderr to stderr')
    .argument('<id...>', 'with several ids, each line starts with the name of its task')
    .option('-f, --follow', 'keep printing new output until it ends')
    .option('-n, --tail <lines>', 'start with the last <lines> lines', count)
    .option('--from <offset>', 'start at this byte offset (with --stdout or --stderr)', count)
    .option('--stdout', 'print stdout only')
    .option('--stderr', 'print stderr only')
    .option('--grep <pattern>', 'print only lines that match a regular expression', regExp)
    .option('--until <pattern>', 'follow until the output matches; exit code 1 if it ends first', regExp)
    .option('--timeout <duration>', 'stop following after this long; exit code 124', duration)
    .option('--discard', 'discard output once printed, so that a task with --overflow block continues')
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
  const targets = await findTargets(openPool(options), ids)
  const follows = options.follow === true || options.until !== undefined
  const done = new AbortController()
  // Each task's output adds a listener; above ten, Node would warn of a leak.
  setMaxListeners(0, done.signal)
  const printer = new LogPrinter({ json: options.json, grep: options.grep, named: targets.length > 1 })
  const logs = targets.map((target) => new Log(target, options, printer, done))
  try {
    // First the kept output, task by task and without a time limit; then new output of all tasks at once.
    for (const log of logs) await log.printKept()
    if (options.timeout !== undefined && follows) setTimeout(() => done.abort('timeout'), options.timeout)
    if (follows) await Promise.all(logs.map((log) => log.follow()))
  } catch (error) {
    if (!done.signal.aborted) throw error
  }
  for (const target of targets) await printer.end(target)
  if (options.until !== undefined) process.exitCode = done.signal.reason === 'matched' ? 0 : EXIT.noMatch
  if (done.signal.reason === 'timeout') throw timeoutOf(targets, options)
}

function timeoutOf(targets: readonly Target[], { timeout = 0, until }: LogsOptions): TimeoutError {
  const tasks = `task${targets.length > 1 ? 's' : ''} ${targets.map(({ id }) => id).join(', ')}`
  return new TimeoutError(
    timeout,
    until ? `waiting for ${until} in the output of ${tasks}` : `following the output of ${tasks}`,
  )
}

function checkOptions({ stdout, stderr, from, tail }: LogsOptions, ids: readonly string[]): void {
  if (from === undefined) return
  if (stdout === stderr || ids.length > 1) {
    throw new CliError('ERR_BGTASK_USAGE', '--from needs a single output: give one id, and --stdout or --stderr')
  }
  if (tail !== undefined) throw new CliError('ERR_BGTASK_USAGE', '--from and --tail cannot be combined')
}

/** Prints the output of one task. */
class Log {
  readonly #target: Target
  readonly #outputs: Outputs
  readonly #options: LogsOptions
  readonly #printer: LogPrinter
  readonly #done: AbortController
  readonly #until: PatternWatch | undefined
  #from: Position

  /** @param done aborted when `--until` matches. */
  constructor(target: Target, options: LogsOptions, printer: LogPrinter, done: AbortController) {
    this.#target = target
    this.#outputs = outputsOf(target)
    this.#options = options
    this.#printer = printer
    this.#done = done
    this.#until = options.until === undefined ? undefined : new PatternWatch(options.until)
    this.#from = options.from
  }

  /** Prints the kept output, or its last lines. */
  async printKept(): Promise<void> {
    const { tail } = this.#options
    if (tail === undefined) return this.#print(this.#output(false))
    const { pieces, next } = await tailOf(this.#output(false), tail)
    await this.#print(pieces)
    this.#from = next
  }

  /** Prints new output until it ends. */
  async follow(): Promise<void> {
    await this.#print(this.#output(true))
    await this.#printer.end(this.#target)
    if (this.#options.json) await printEnd(this.#target)
  }

  #output(follow: boolean): AsyncIterable<Piece | Gap> {
    const { stdout, stderr } = this.#options
    const stream = stdout === stderr ? undefined : stdout ? 'stdout' : 'stderr'
    return outputOf(this.#outputs, { stream, from: this.#from, follow, signal: this.#done.signal })
  }

  async #print(pieces: AsyncIterable<Piece | Gap> | Iterable<Piece | Gap>): Promise<void> {
    const { signal } = this.#done
    for await (const piece of pieces) {
      await this.#printer.show(this.#target, piece)
      this.#from = piece.next
      if (piece.gap) continue
      const { stream, offset, data } = piece
      if (this.#options.discard) await this.#outputs[stream].discard(offset + data.length, { signal })
      if (this.#until?.sees(stream, data)) this.#done.abort('matched')
      signal.throwIfAborted()
    }
  }
}

/** Prints the last JSON line of a task: how it ended. */
async function printEnd({ id, task, info }: Target): Promise<void> {
  const { state, exitStatus } = task === undefined ? info : await task.info()
  const code = exitStatus === null ? null : exitCodeOfTask(exitStatus)
  await printJson({ type: 'end', id, state, exitStatus, code })
}
