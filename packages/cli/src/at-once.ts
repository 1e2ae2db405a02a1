import { availableParallelism } from 'node:os'
import { Slots } from '@bgtask/os'

/**
 * How many tasks are processed concurrently. More would only slow each one down: their supervisors share the CPUs, and each
 * request has a deadline. Work that takes longer, such as stopping a task that ignores SIGTERM, is idle and frees its slot.
 */
const TASKS_PER_CPU = 4
const SLOT_HOLD_MS = 250

/** Limits concurrent work on many tasks. */
export function taskSlots(): Slots {
  return new Slots(TASKS_PER_CPU * availableParallelism(), SLOT_HOLD_MS)
}
