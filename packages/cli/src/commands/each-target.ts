import { isBgTaskError } from '@bgtask/protocol'
import { taskSlots } from '../at-once.js'
import { CliError, describeError, type ErrorDescription, exitCodeOf } from '../errors.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson, printMessage } from '../output/print.js'
import { keyOf, type Target, targetFinder } from '../targets.js'

export interface EachOptions extends PoolOption {
  readonly json?: boolean
}

/**
 * Runs `act` on each named task, on many concurrently, and prints the task's id when it is done (with `--json`, also the
 * result of `act`). A failure does not affect the other tasks; the exit code is that of the last failure.
 */
export async function eachTarget(
  ids: readonly string[],
  options: EachOptions,
  act: (target: Target) => Promise<object | undefined>,
): Promise<void> {
  const pool = openPool(options)
  const seen = new Set<string>()
  const find = targetFinder(pool)
  const work = async (id: string) => {
    try {
      const target = await find(id)
      if (seen.has(keyOf(target))) return
      seen.add(keyOf(target))
      const result = await act(target)
      if (options.json) await printJson({ id: target.id, ...result })
      else await print(String(target.id))
    } catch (error) {
      process.exitCode = exitCodeOf(error)
      const description = describeFailure(id, error)
      if (options.json) await printJson({ error: { ...description, given: id } })
      else printMessage(description.message)
    }
  }
  const atOnce = taskSlots()
  await Promise.all(ids.map((id) => atOnce.run(() => work(id))))
}

/** Describes an error, naming the task by the id that was given. */
function describeFailure(id: string, error: unknown): ErrorDescription {
  const description = describeError(error)
  if (isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')) {
    return { ...description, message: `task ${id} did not answer within ${Math.round(error.timeoutMs)} ms` }
  }
  // The messages of CliError already name the task.
  if (error instanceof CliError) return description
  return { ...description, message: `task ${id}: ${description.message}` }
}
