import { availableParallelism } from 'node:os'
import { Slots } from '@bgtask/os'

/**
 * How many tasks are worked on at once. More only make each of them slower: their supervisors share the CPUs, and each has a
 * deadline. One that takes long, such as the stop of a task that ignores SIGTERM, waits for something else.
 */
const TASKS_PER_CPU = 4
const PATIENCE_MS = 250

/** Bounds work on many tasks. */
export function boundedTasks(): Slots {
  return new Slots(TASKS_PER_CPU * availableParallelism(), PATIENCE_MS)
}
