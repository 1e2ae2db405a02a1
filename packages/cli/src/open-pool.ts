import { defaultTaskPool, TaskPool } from '@bgtask/pool'
import { isBgTaskError } from '@bgtask/protocol'

/** The pool option that all commands share. */
export interface PoolOption {
  readonly pool?: string
}

/** Like `openPool`, but returns undefined if the default pool does not exist yet. If `--pool` is given, a missing pool is an error. */
export function openPoolIfAny(options: PoolOption): TaskPool | undefined {
  try {
    return openPool(options)
  } catch (error) {
    if (options.pool === undefined && isPoolMissing(error)) return undefined
    throw error
  }
}

export function isPoolMissing(error: unknown): boolean {
  return isBgTaskError(error, 'ERR_BGTASK_POOL_DIR') && error.reason === 'missing'
}

/** Opens `--pool`, else `$BGTASK_TASKPOOL_PATH`, else the user's own pool. Only `run` creates a missing one. */
export function openPool({ pool }: PoolOption, { create = false } = {}): TaskPool {
  const mkdirIfMissing = create || undefined
  return pool === undefined ? defaultTaskPool({ mkdirIfMissing }) : new TaskPool({ path: pool, mkdirIfMissing })
}
