import type { Check } from '../check.js'
import { byHandChecks } from './by-hand.js'
import { cornerChecks } from './corners.js'
import { detachChecks } from './detach.js'
import { directoryChecks } from './directory.js'
import { eventChecks } from './events.js'
import { followingChecks } from './following.js'
import { foregroundChecks } from './foreground.js'
import { helloChecks } from './hello.js'
import { infoChecks } from './info.js'
import { infoValueChecks } from './info-values.js'
import { launchChecks } from './launch.js'
import { launchLimitChecks } from './launch-limits.js'
import { lingerChecks } from './linger.js'
import { lockChecks } from './lock.js'
import { nameChecks } from './names.js'
import { parameterChecks } from './parameters.js'
import { policyChecks } from './policy.js'
import { recordChecks } from './records.js'
import { restartChecks } from './restart.js'
import { specValueChecks } from './spec-values.js'
import { spoolChecks } from './spool.js'
import { spoolFailureChecks } from './spool-failures.js'
import { stopChecks } from './stop.js'
import { streamChecks } from './streams.js'
import { treeChecks } from './tree.js'
import { wireChecks } from './wire.js'
import { wrongParameterChecks } from './wrong-parameters.js'

/** All checks, in the order of the documents. */
export const checks: readonly Check[] = [
  ...launchChecks,
  ...specValueChecks,
  ...launchLimitChecks,
  ...foregroundChecks,
  ...detachChecks,
  ...lockChecks,
  ...directoryChecks,
  ...recordChecks,
  ...nameChecks,
  ...wireChecks,
  ...helloChecks,
  ...byHandChecks,
  ...parameterChecks,
  ...wrongParameterChecks,
  ...infoChecks,
  ...infoValueChecks,
  ...stopChecks,
  ...followingChecks,
  ...treeChecks,
  ...restartChecks,
  ...policyChecks,
  ...eventChecks,
  ...streamChecks,
  ...spoolChecks,
  ...spoolFailureChecks,
  ...lingerChecks,
  ...cornerChecks,
]
