import { describeError, exitCodeOf } from '../errors.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson, tell } from '../output/print.js'
import { findTarget, keyOf, type Target } from '../targets.js'

export interface EachOptions extends PoolOption {
  readonly json?: boolean
}

/**
 * Does something to each task that is named, to all at once, and prints its id when it is done (with `--json` what `act`
 * tells, too). One that fails does not keep the others from it; the exit code is that of the last that failed.
 */
export async function eachTarget(
  ids: readonly string[],
  options: EachOptions,
  act: (target: Target) => Promise<object | undefined>,
): Promise<void> {
  const pool = openPool(options)
  const seen = new Set<string>()
  const work = ids.map(async (id) => {
    try {
      const target = await findTarget(pool, id)
      if (seen.has(keyOf(target))) return
      seen.add(keyOf(target))
      const result = await act(target)
      if (options.json) await printJson({ id: target.id, ...result })
      else await print(String(target.id))
    } catch (error) {
      process.exitCode = exitCodeOf(error)
      const description = describeError(error)
      if (options.json) await printJson({ error: { ...description, given: id } })
      else tell(description.message)
    }
  })
  await Promise.all(work)
}
