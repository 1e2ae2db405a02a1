import { killSignalSchema, type Task } from '@bgtask/client'
import { parseOption } from '@bgtask/protocol'
import { CliError } from '../errors.js'
import { requireLive, type Target } from '../targets.js'
import { examples, poolCommand } from './common.js'
import { type EachOptions, eachTarget } from './each-target.js'

export function killCommand() {
  return poolCommand('kill')
    .description('send a signal to tasks (to end them, use stop)')
    .usage('[options] [-SIGNAL] <id...>')
    .argument('<id...>')
    .option('-s, --signal <signal>', 'signal name or number (default: TERM); also as -9 or -INT')
    .option('--tree', 'signal all processes of the task, not only the first one')
    .addHelpText('after', examples('bgtask kill -HUP web'))
    .action(kill)
}

export function pauseCommand() {
  return poolCommand('pause')
    .description('pause tasks until resume')
    .argument('<id...>')
    .addHelpText('after', examples('bgtask pause encode'))
    .action((ids, options) => signal(ids, options, (task) => task.pause()))
}

export function resumeCommand() {
  return poolCommand('resume')
    .description('resume paused tasks')
    .argument('<id...>')
    .addHelpText('after', examples('bgtask resume encode'))
    .action((ids, options) => signal(ids, options, (task) => task.resume()))
}

interface KillOptions extends EachOptions {
  readonly signal?: string
  readonly tree?: boolean
}

async function kill(ids: readonly string[], options: KillOptions): Promise<void> {
  const { signal: given = 'TERM', tree } = options
  const killSignal = parseOption(
    killSignalSchema,
    /^\d+$/.test(given) ? Number(given) : given.toUpperCase(),
    '--signal',
  )
  await signal(ids, options, (task) => task.kill(killSignal, { tree }), { signal: killSignal })
}

async function signal(
  ids: readonly string[],
  options: EachOptions,
  send: (task: Task) => Promise<boolean>,
  facts: object = {},
): Promise<void> {
  await eachTarget(ids, options, async (target) => {
    if (await send(requireLive(target).task)) return facts
    throw notRunning(target)
  })
}

function notRunning({ id }: Target): CliError {
  return new CliError('ERR_BGTASK_TASK_STATE', `task ${id} has no running process`, { id })
}
