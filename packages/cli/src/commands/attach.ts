import { attachTo } from '../attach/attach.js'
import { exitCodeOfTask, exitFacts } from '../exit-code.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { printJson } from '../output/print.js'
import { findTask } from '../targets.js'
import { count, examples, poolCommand } from './common.js'

/** So much of a screen as tells where the task stands. */
const DEFAULT_TAIL = 20

export function attachCommand() {
  return poolCommand('attach')
    .description("show a task's output and send it what is typed; Ctrl-C detaches")
    .argument('<id>')
    .option('-n, --tail <lines>', `lines of earlier output to show first, ${DEFAULT_TAIL} unless given`, count)
    .option('--raw', 'send each key as it is typed, instead of lines')
    .option('--no-stdin', 'send nothing')
    .option('--discard', 'let the task forget what was shown, so that one with --overflow block goes on')
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
  if (json) await printJson({ id: target.id, ...exitFacts(status) })
}
