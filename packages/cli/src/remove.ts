import type { TaskPool } from '@bgtask/pool'
import { isBgTaskError, type SomeSurvivors } from '@bgtask/protocol'
import { boundedTasks } from './at-once.js'
import { CliError } from './errors.js'
import { allTargets, hasEnded, type Target } from './targets.js'
import { survivorsText } from './text/survivors.js'

/**
 * Takes a task out of its pool, with what its supervisor kept.
 *
 * @param force ends what still runs first. @throws CliError for a task that runs, without it.
 */
export async function removeTarget(target: Target, { force = false } = {}): Promise<void> {
  const { id, info, task, lost } = target
  if (!force && !hasEnded(task === undefined ? info : await task.info())) {
    const message = `task ${id} is ${info.state}: stop it first, or use -f`
    throw new CliError('ERR_BGTASK_TASK_STATE', message, { id, state: info.state })
  }
  if (task !== undefined) return ignoreGone(task.terminateSupervisor())
  if (info.state === 'orphaned') {
    const survivors = await lost.stop()
    if (survivors.length > 0) throw survived(id, { survivors })
  }
  await lost.remove()
}

/** What could not be ended, named. */
export function survived(id: number, some: SomeSurvivors): CliError {
  return new CliError('ERR_BGTASK_TASK_STATE', `of task ${id} still runs: ${survivorsText(some)}`, { id, ...some })
}

/** Removes the tasks of `run --rm` that ended when nobody waited for them. Returns their ids. */
export async function removeMarked(pool: TaskPool): Promise<number[]> {
  const ended = (await allTargets(pool)).filter(({ info }) => info.meta?.rm === true && hasEnded(info))
  const atOnce = boundedTasks()
  await Promise.all(ended.map((target) => atOnce.run(() => removeTarget(target))))
  return ended.map(({ id }) => id)
}

async function ignoreGone(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) throw error
  }
}
