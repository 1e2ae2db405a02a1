import { CliError, EXIT } from '../errors.js'
import { exitCodeOfTask } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { LogPrinter } from '../output/log-printer.js'
import { printJson } from '../output/print.js'
import { tailOf } from '../output/tail.js'
import { type Gap, outputOf, type Piece } from '../output/task-output.js'
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
  const done = new AbortController()
  const timer = options.timeout === undefined ? undefined : setTimeout(() => done.abort('timeout'), options.timeout)
  const printer = new LogPrinter({ json: options.json, grep: options.grep, named: targets.length > 1 })
  const one = async (target: LiveTarget) => {
    const matched = await printTask(target, options, follows, printer, done.signal)
    if (matched) done.abort('matched')
  }
  if (options.until !== undefined) process.exitCode = EXIT.noMatch
  try {
    if (follows) await Promise.all(targets.map(one))
    else for (const target of targets) await one(target)
  } catch (error) {
    if (!done.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
  if (done.signal.reason === 'matched') process.exitCode = 0
  if (done.signal.reason === 'timeout') process.exitCode = EXIT.timeout
}

function checkOptions({ stdout, stderr, from, tail }: LogsOptions, ids: readonly string[]): void {
  if (from === undefined) return
  if (stdout === stderr || ids.length > 1) {
    throw new CliError('ERR_BGTASK_USAGE', '--from is an offset in one output: add --stdout or --stderr, and one id')
  }
  if (tail !== undefined) throw new CliError('ERR_BGTASK_USAGE', '--from and --tail exclude each other')
}

/** Whether `--until` matched. */
async function printTask(
  target: LiveTarget,
  options: LogsOptions,
  follow: boolean,
  printer: LogPrinter,
  signal: AbortSignal,
): Promise<boolean> {
  const { task } = target
  const stream = options.stdout === options.stderr ? undefined : options.stdout ? 'stdout' : 'stderr'
  const until = options.until === undefined ? undefined : new PatternWatch(options.until)
  const show = async (piece: Piece | Gap) => {
    await printer.show(target, piece)
    if (piece.gap) return false
    if (options.discard) await task[piece.stream].discard(piece.offset + piece.data.length, { signal })
    return until?.sees(piece.stream, piece.data) ?? false
  }
  let from: Piece['next'] = options.from
  if (options.tail !== undefined) {
    const { pieces, next } = await tailOf(outputOf(task, { stream, follow: false, signal }), options.tail)
    for (const piece of pieces) if (await show(piece)) return printer.end(target).then(() => true)
    from = next
  }
  if (options.tail === undefined || follow) {
    for await (const piece of outputOf(task, { stream, from, follow, signal })) {
      if (await show(piece)) return printer.end(target).then(() => true)
    }
  }
  await printer.end(target)
  if (options.json && follow) await tellEnd(target)
  return false
}

/** The last line of a stream of JSON: why no more comes. */
async function tellEnd({ id, task }: LiveTarget): Promise<void> {
  const { state, exitStatus } = await task.info()
  const code = exitStatus === null ? null : exitCodeOfTask(exitStatus)
  await printJson({ type: 'end', id, state, exitStatus, code })
}
