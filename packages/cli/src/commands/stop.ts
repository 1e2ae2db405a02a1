import type { StopStepOptions } from '@bgtask/client'
import { normalizeSignal } from '@bgtask/os'
import { CliError } from '../errors.js'
import { survived } from '../remove.js'
import { needLive, type Target } from '../targets.js'
import { duration, examples, poolCommand } from './common.js'
import { type EachOptions, eachTarget } from './each-target.js'

export function stopCommand() {
  return poolCommand('stop')
    .description('end tasks and all that belongs to them: TERM, then KILL; what they wrote stays until rm')
    .argument('<id...>')
    .option('-s, --signal <signal>', 'what asks them to end, TERM unless given')
    .option('-t, --time <duration>', 'how long until KILL, 10s unless given', duration)
    .addHelpText('after', examples('bgtask stop web', 'bgtask stop -t 1m -s INT db'))
    .action(stop)
}

export function restartCommand() {
  return poolCommand('restart')
    .description('start tasks again, those that run after a stop')
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
    const { id, task } = needLive(target)
    if (!(await task.restart())) {
      await end(target)
      if (!(await task.restart()))
        throw new CliError('ERR_BGTASK_TASK_STATE', `task ${id} was started by somebody else`)
    }
    const { pid, run } = await task.info()
    return { pid, run }
  })
}

/** The task's own steps unless others are asked for. */
function stepsOf({ signal, time }: StopCommandOptions): StopStepOptions[] | undefined {
  if (signal === undefined && time === undefined) return undefined
  return [
    { killSignal: normalizeSignal(signal?.toUpperCase() ?? 'TERM', '--signal'), waitMs: time ?? 10_000 },
    { killSignal: 'KILL', waitMs: 2_000 },
  ]
}

async function end(target: Target, steps?: readonly StopStepOptions[]): Promise<object> {
  if (target.task === undefined) {
    const survivors = await target.lost.stop({ steps })
    if (survivors.length > 0) throw survived(target.id, { survivors })
    return { exitStatus: null }
  }
  const { exitStatus, survivors, moreSurvivors } = await target.task.stop({ steps })
  if (survivors.length > 0) throw survived(target.id, { survivors, moreSurvivors })
  return { exitStatus }
}
