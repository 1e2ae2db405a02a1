export { monotonicMs } from './clock.js'
export { HeldDirectory } from './held-directory.js'
export {
  logFileName,
  MAX_RECORD_BYTES,
  PRIVATE_SOCKET_NAME,
  parsePoolFileName,
  parseTaskDirectoryName,
  privateDirectoryPrefix,
  recordFileName,
  SPEC_FILE_NAME,
  socketFileName,
  taskDirectoryName,
  temporaryFileName,
  temporarySocketFileName,
} from './pool-files.js'
export { printable, printableJson } from './printable.js'
export {
  BEHAVIOR_VARIABLE,
  COOKIE_VARIABLE,
  DETACH_VARIABLE,
  LAUNCH_VARIABLE,
  mergeEnvironment,
  POOL_PATH_VARIABLE,
  STANDBY_VARIABLE,
  SUPERVISOR_PID_VARIABLE,
  withoutTaskVariables,
} from './process/environment.js'
export { processGone } from './process/gone.js'
export {
  currentPlace,
  hasSameClock,
  isHere,
  isRunning,
  liveness,
  livenessHere,
  processIdentity,
} from './process/identity.js'
export { allPids, canReadProcesses, readEnvironment, readProcessUsers } from './process/proc.js'
export { isLive, livingThread, type ProcessStat, readProcessStat } from './process/stat.js'
export { stopTree } from './process/stop.js'
export { describeProcesses, describeSome } from './process/survivors.js'
export { ProcessTable } from './process/table.js'
export {
  findTree,
  signalProcess,
  TaskTree,
  type TreeProcess,
  type TreeSelector,
} from './process/tree.js'
export { currentUmask } from './process/umask.js'
export { ORDER_ENTRY_BYTES, parseSegmentName, type Segment, type SegmentStream, segmentName } from './segments.js'
export { Slots } from './slots.js'
