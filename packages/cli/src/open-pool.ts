import { defaultTaskPool, TaskPool } from '@bgtask/pool'
import { isBgTaskError } from '@bgtask/protocol'

/** What every command takes to find its pool. */
export interface PoolOption {
  readonly pool?: string
}

/** As `openPool`; undefined where nobody has made the pool yet, which is no mistake unless it was named. */
export function openPoolIfAny(options: PoolOption): TaskPool | undefined {
  try {
    return openPool(options)
  } catch (error) {
    if (options.pool === undefined && isMissing(error)) return undefined
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return isBgTaskError(error, 'ERR_BGTASK_POOL_DIR') && error.message.includes('does not exist')
}

/** `--pool`, else `$BGTASK_TASKPOOL_PATH`, else the user's own. Only `run` makes it where it is missing. */
export function openPool({ pool }: PoolOption, { make = false } = {}): TaskPool {
  const mkdirIfMissing = make || undefined
  return pool === undefined ? defaultTaskPool({ mkdirIfMissing }) : new TaskPool({ path: pool, mkdirIfMissing })
}
