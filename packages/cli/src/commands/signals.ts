import type { Task } from '@bgtask/client'
import { normalizeSignal } from '@bgtask/os'
import { CliError } from '../errors.js'
import { needLive, type Target } from '../targets.js'
import { examples, poolCommand } from './common.js'
import { type EachOptions, eachTarget } from './each-target.js'

export function killCommand() {
  return poolCommand('kill')
    .description('send tasks a signal; stop is what ends them')
    .usage('[options] [-SIGNAL] <id...>')
    .argument('<id...>')
    .option('-s, --signal <signal>', 'name or number, TERM unless given; also -9, -INT')
    .option('--tree', 'signal everything that belongs to the task, not its first process alone')
    .addHelpText('after', examples('bgtask kill -HUP web'))
    .action(kill)
}

export function pauseCommand() {
  return poolCommand('pause')
    .description('stop tasks where they are, until resume')
    .argument('<id...>')
    .addHelpText('after', examples('bgtask pause encode'))
    .action((ids, options) => signal(ids, options, (task) => task.pause()))
}

export function resumeCommand() {
  return poolCommand('resume')
    .description('let paused tasks go on')
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
  const killSignal = normalizeSignal(/^\d+$/.test(given) ? Number(given) : given.toUpperCase(), '--signal')
  await signal(ids, options, (task) => task.kill(killSignal, { tree }), { signal: killSignal })
}

async function signal(
  ids: readonly string[],
  options: EachOptions,
  send: (task: Task) => Promise<boolean>,
  facts: object = {},
): Promise<void> {
  await eachTarget(ids, options, async (target) => {
    if (await send(needLive(target).task)) return facts
    throw notRunning(target)
  })
}

function notRunning({ id }: Target): CliError {
  return new CliError('ERR_BGTASK_TASK_STATE', `nothing of task ${id} runs`, { id })
}
