import { availableParallelism } from 'node:os'
import { Slots } from '@bgtask/os'

/**
 * Tasks that this process ends at once. To end a task its supervisor reads all processes of the machine, so when hundreds do
 * that side by side, each takes as long as all of them, and answers nobody meanwhile.
 */
const ENDINGS_PER_CPU = 8

/** A stop that takes longer waits for the task, not for the CPU. */
const PATIENCE_MS = 2_000

/** Where stops wait for their turn. What a call may take counts from there. */
export const endings = new Slots(ENDINGS_PER_CPU * availableParallelism(), PATIENCE_MS)
