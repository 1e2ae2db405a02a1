import { availableParallelism } from 'node:os'
import { Slots } from '@bgtask/os'

/**
 * Launches of this process that are under way at once, of whatever pool. A launch is mostly CPU time, so more would only make
 * each of them slower, until they miss their deadlines.
 */
const LAUNCHES_PER_CPU = 2

/** Ten times what a launch takes on a busy machine: longer than this, it waits for something else than the CPU. */
const PATIENCE_MS = 1_000

/** Where launches wait for their turn. A launch's deadline counts from there. */
export const launches = new Slots(LAUNCHES_PER_CPU * availableParallelism(), PATIENCE_MS)
