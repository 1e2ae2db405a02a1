import { CliError } from '../errors.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { printJson } from '../output/print.js'
import { findTask } from '../targets.js'
import { duration, examples, poolCommand } from './common.js'

export function sendCommand() {
  return poolCommand('send')
    .description("write to a task's stdin")
    .argument('<id>')
    .argument(
      '[text...]',
      'words of one line; options after the first word are text, too; put -- before a first word that starts with a dash; use - or no words to send piped input',
    )
    .option('-n, --no-newline', 'do not append a newline')
    .option('--eof', 'close stdin afterwards')
    .option('--timeout <duration>', 'stop waiting for space in a full queue after this long; exit code 124', duration)
    .addHelpText(
      'after',
      examples('bgtask send repl "print(1 + 1)"', 'bgtask send repl -- --help', 'bgtask send sort --eof - < words.txt'),
    )
    .action(send)
}

interface SendOptions extends PoolOption {
  readonly json?: boolean
  readonly newline: boolean
  readonly eof?: boolean
  readonly timeout?: number
}

async function send(id: string, words: readonly string[], options: SendOptions): Promise<void> {
  const { task } = await findTask(openPool(options), id)
  const waiting = { timeoutMs: options.timeout }
  let acceptedOffset = (await task.stdin.info()).acceptedOffset
  const isPiped = words.length === 0 ? !options.eof : words.length === 1 && words[0] === '-'
  if (isPiped) {
    if (process.stdin.isTTY) throw new CliError('ERR_BGTASK_USAGE', NOTHING_TO_SEND)
    for await (const bytes of process.stdin) acceptedOffset = await task.stdin.write(bytes, waiting)
  } else if (words.length > 0) {
    acceptedOffset = await task.stdin.write(words.join(' ') + (options.newline ? '\n' : ''), waiting)
  }
  if (options.eof) await task.stdin.close(waiting)
  if (options.json) await printJson({ id: task.pid, acceptedOffset, closed: options.eof === true })
}

const NOTHING_TO_SEND = 'nothing to send: give words or pipe input (use bgtask attach to type)'
