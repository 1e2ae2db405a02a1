import { attachTo } from '../attach/attach.js'
import { exitCodeOfTask, exitFields } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { printJson } from '../output/print.js'
import { findTask } from '../targets.js'
import { count, examples, poolCommand } from './common.js'

/** Enough lines to show the task's current state. */
const DEFAULT_TAIL = 20

export function attachCommand() {
  return poolCommand('attach')
    .description("show a task's output and forward your input to it; Ctrl-C detaches")
    .argument('<id>')
    .option('-n, --tail <lines>', `show this many lines of earlier output first (default: ${DEFAULT_TAIL})`, count)
    .option('--raw', 'send each key as it is typed instead of whole lines')
    .option('--no-stdin', 'do not forward input')
    .option('--discard', 'discard output once shown, so that a task with --overflow block continues')
    .addHelpText('after', examples('bgtask attach web'))
    .action(attach)
}

interface AttachCommandOptions extends PoolOption {
  readonly tail?: number
  readonly raw?: boolean
  readonly stdin: boolean
  readonly discard?: boolean
  readonly json?: boolean
}

async function attach(
  id: string,
  { tail = DEFAULT_TAIL, raw, stdin, discard, json, ...options }: AttachCommandOptions,
): Promise<void> {
  const target = await findTask(openPool(options), id)
  const status = await attachTo(target, { tail, raw, noInput: !stdin, discard, json })
  if (status === undefined) return
  process.exitCode = exitCodeOfTask(status)
  if (json) await printJson({ id: target.id, ...exitFields(status) })
}
