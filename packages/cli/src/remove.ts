import type { TaskPool } from '@bgtask/pool'
import { isBgTaskError, type SomeSurvivors } from '@bgtask/protocol'
import { taskSlots } from './at-once.js'
import { CliError } from './errors.js'
import { allTargets, hasEnded, type Target } from './targets.js'
import { survivorsText } from './text/survivors.js'

/**
 * Removes a task and its kept output from the pool.
 *
 * @param force stop a running task first.
 * @throws CliError for a running task without `force`.
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
    if (survivors.length > 0) throw survivorsError(id, { survivors })
  }
  await lost.remove()
}

/** The error for processes that outlived a stop. */
export function survivorsError(id: number, some: SomeSurvivors): CliError {
  return new CliError('ERR_BGTASK_TASK_STATE', `processes of task ${id} are still running: ${survivorsText(some)}`, {
    id,
    ...some,
  })
}

/** Removes tasks of `run --rm` that ended while no command waited for them. Returns their ids. */
export async function removeMarked(pool: TaskPool): Promise<number[]> {
  const ended = (await allTargets(pool)).filter(({ info }) => info.meta?.rm === true && hasEnded(info))
  const atOnce = taskSlots()
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
