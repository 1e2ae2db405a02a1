import type { Check } from '../check.js'
import { directoryChecks } from './directory.js'
import { eventChecks } from './events.js'
import { infoChecks } from './info.js'
import { launchChecks } from './launch.js'
import { lockChecks } from './lock.js'
import { restartChecks } from './restart.js'
import { stopChecks } from './stop.js'
import { streamChecks } from './streams.js'
import { wireChecks } from './wire.js'

/** All checks, in the order of the documents. */
export const checks: readonly Check[] = [
  ...launchChecks,
  ...lockChecks,
  ...directoryChecks,
  ...wireChecks,
  ...infoChecks,
  ...stopChecks,
  ...restartChecks,
  ...eventChecks,
  ...streamChecks,
]
