import type { Check } from '../check.js'
import { directoryChecks } from './directory.js'
import { launchChecks } from './launch.js'
import { lockChecks } from './lock.js'
import { streamChecks } from './streams.js'
import { taskChecks } from './task.js'
import { wireChecks } from './wire.js'

/** All checks, in the order of the documents. */
export const checks: readonly Check[] = [
  ...launchChecks,
  ...lockChecks,
  ...directoryChecks,
  ...wireChecks,
  ...taskChecks,
  ...streamChecks,
]
