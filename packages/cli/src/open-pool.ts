import { defaultTaskPool, TaskPool } from '@bgtask/pool'

/** What every command takes to find its pool. */
export interface PoolOption {
  readonly pool?: string
}

/** `--pool`, else `$BGTASK_TASKPOOL_PATH`, else the user's own. Only `run` makes it where it is missing. */
export function openPool({ pool }: PoolOption, { make = false } = {}): TaskPool {
  const mkdirIfMissing = make ? { mode: 0o700 } : undefined
  return pool === undefined ? defaultTaskPool({ mkdirIfMissing }) : new TaskPool({ path: pool, mkdirIfMissing })
}
