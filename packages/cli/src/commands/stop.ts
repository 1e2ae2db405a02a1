import { killSignalSchema, type StopStepOptions } from '@bgtask/client'
import { parseOption } from '@bgtask/protocol'
import { CliError } from '../errors.js'
import { survivorsError } from '../remove.js'
import { requireLive, type Target } from '../targets.js'
import { duration, examples, poolCommand } from './common.js'
import { type EachOptions, eachTarget } from './each-target.js'

export function stopCommand() {
  return poolCommand('stop')
    .description('end tasks and all their processes: TERM, then KILL; the output is kept until rm')
    .argument('<id...>')
    .option('-s, --signal <signal>', 'first signal to send (default: TERM)')
    .option('-t, --time <duration>', 'time until KILL (default: 10s)', duration)
    .addHelpText('after', examples('bgtask stop web', 'bgtask stop -t 1m -s INT db'))
    .action(stop)
}

export function restartCommand() {
  return poolCommand('restart')
    .description('start tasks again; running tasks are stopped first')
    .argument('<id...>')
    .addHelpText('after', examples('bgtask restart web'))
    .action(restart)
}

interface StopCommandOptions extends EachOptions {
  readonly signal?: string
  readonly time?: number
}

async function stop(ids: readonly string[], options: StopCommandOptions): Promise<void> {
  const steps = stepsOf(options)
  await eachTarget(ids, options, (target) => end(target, steps))
}

async function restart(ids: readonly string[], options: EachOptions): Promise<void> {
  await eachTarget(ids, options, async (target) => {
    const { id, task } = requireLive(target)
    const restarted = await task.restart({ stop: true })
    const { pid, run, exitStatus } = await task.info()
    if (restarted) return { pid, run }
    const { survivors = [], moreSurvivors } = exitStatus ?? {}
    if (survivors.length > 0) throw survivorsError(id, { survivors, moreSurvivors })
    const message = `task ${id} is running: it survived the stop, or another client has restarted it`
    throw new CliError('ERR_BGTASK_TASK_STATE', message)
  })
}

/** Returns undefined if no option is given: the supervisor then uses the task's own steps. */
function stepsOf({ signal, time }: StopCommandOptions): StopStepOptions[] | undefined {
  if (signal === undefined && time === undefined) return undefined
  return [
    { killSignal: parseOption(killSignalSchema, signal?.toUpperCase() ?? 'TERM', '--signal'), waitMs: time ?? 10_000 },
    { killSignal: 'KILL', waitMs: 2_000 },
  ]
}

async function end(target: Target, steps?: readonly StopStepOptions[]): Promise<object> {
  if (target.task === undefined) {
    const survivors = await target.lost.stop({ steps })
    if (survivors.length > 0) throw survivorsError(target.id, { survivors })
    return { exitStatus: null }
  }
  const { exitStatus, survivors, moreSurvivors } = await target.task.stop({ steps })
  if (survivors.length > 0) throw survivorsError(target.id, { survivors, moreSurvivors })
  return { exitStatus }
}
