import { debug } from '../debug.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { pruneRetired } from './prune.js'
import type { PruneOptions } from './prune-options.js'

/** How often (ms) a pool that spawns looks for tasks to remove, and how many it removes then: spawns must not become slow. */
const INTERVAL_MS = 10_000
const MAX_REMOVED = 100

/** Removes retired tasks by a policy, in passing. */
export class Retention {
  readonly #policy: PruneOptions | undefined
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(policy: PruneOptions | undefined) {
    this.#policy = policy
  }

  /** Call it after each spawn. A failure is logged: it does not affect the spawned task. */
  async apply(inspect: () => PoolDirectory): Promise<void> {
    const now = performance.now()
    if (this.#policy === undefined || now - this.#lastMs < INTERVAL_MS) return
    this.#lastMs = now
    try {
      await pruneRetired(inspect(), this.#policy, MAX_REMOVED)
    } catch (error) {
      debug(() => `nothing pruned after a spawn: ${error}`)
    }
  }
}
