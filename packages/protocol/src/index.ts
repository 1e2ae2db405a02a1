export { monotonicMs } from './clock.js'
export {
  flagSchema,
  gapsSchema,
  handlerSchema,
  mergedPositionSchema,
  windowBytesSchema,
} from './contract/call-options.js'
export {
  EVENT_NAMES,
  type EventName,
  type EventPayload,
  eventSchemas,
} from './contract/events.js'
export {
  type Access,
  type AccessOptions,
  accessSchema,
  argvSchema,
  type Behavior,
  behaviorSchema,
  countSchema,
  DEFAULT_MAX_READ_BUF_SIZE,
  DEFAULT_STOP_STEPS,
  durationMsSchema,
  kernelTextSchema,
  metaSchema,
  type OutputStreamId,
  type Overflow,
  overflowSchema,
  PROTOCOL_VERSION,
  type RestartPolicy,
  type RestartPolicyOptions,
  restartPolicySchema,
  type StopStep,
  type StreamId,
  stopStepSchema,
  stopStepsSchema,
  taskIdSchema,
} from './contract/fields.js'
export {
  type ExitStatus,
  exitStatusSchema,
  type InputInfo,
  inputInfoSchema,
  type LiveState,
  type OutputInfo,
  outputInfoSchema,
  RECORDED_KEYS,
  type RecordedInfo,
  recordedInfoSchema,
  type Survivor,
  type TaskInfo,
  type TaskState,
  taskInfoSchema,
} from './contract/info.js'
export { isPlainObject, type JsonObject, type JsonValue, jsonObjectProblem, MAX_META_BYTES } from './contract/json.js'
export {
  DEFAULT_READ_BYTES,
  MAX_READ_BYTES,
  MAX_WAIT_MS,
  MAX_WRITE_BYTES,
  METHOD_NAMES,
  type MethodName,
  type MethodParams,
  type ParsedParams,
  paramSchemas,
} from './contract/methods.js'
export {
  type ProcessIdentity,
  processIdentitySchema,
  type TaskRecord,
  taskRecordSchema,
} from './contract/record.js'
export {
  type MethodResult,
  type OrderedChunk,
  type OrderResult,
  type ReadResult,
  resultSchemas,
  type StopResult,
  type WaitResult,
} from './contract/results.js'
export { type OnMisfit, soundInfo, soundRecordedInfo } from './contract/sound-info.js'
export { type LaunchSpec, launchSpecSchema, MAX_SPEC_BYTES } from './contract/spec.js'
export { describeInvalid, type Invalid, type Validated, validate } from './contract/validate.js'
export { armDeadline, checkWait, WAIT_OPTIONS, type WaitOptions, withDeadline } from './deadline.js'
export {
  logFileName,
  MAX_RECORD_BYTES,
  type PoolFile,
  PRIVATE_SOCKET_NAME,
  parsePoolFileName,
  privateDirectoryPrefix,
  recordFileName,
  socketFileName,
  temporaryLogFileName,
  temporaryRecordFileName,
  temporarySocketFileName,
} from './directory.js'
export {
  AmbiguousIdError,
  BgTaskError,
  type BgTaskErrorOptions,
  CommandError,
  type CommandProblem,
  describeValue,
  type ErrorCode,
  type ErrorOfCode,
  InvalidOptionError,
  isBgTaskError,
  LaunchError,
  LaunchTimeoutError,
  LockHeldError,
  type LockHolder,
  OutputGapError,
  PathTooLongError,
  PermissionError,
  PlatformError,
  PoolDirError,
  ProtocolError,
  RemoteError,
  TaskGoneError,
  TimeoutError,
  UnsupportedError,
  WouldBlockError,
} from './errors.js'
export { checkOptions, type KnownOptions } from './options.js'
export { printable, printableJson } from './printable.js'
export {
  BEHAVIOR_VARIABLE,
  COOKIE_VARIABLE,
  LAUNCH_VARIABLE,
  mergeEnvironment,
  POOL_PATH_VARIABLE,
  STANDBY_VARIABLE,
  SUPERVISOR_PID_VARIABLE,
  withoutTaskVariables,
} from './process/environment.js'
export { type EndingProcess, processGone } from './process/gone.js'
export {
  currentPlace,
  hasSameClock,
  isHere,
  isRunning,
  type Liveness,
  liveness,
  livenessHere,
  processIdentity,
} from './process/identity.js'
export { canReadProcesses, type ProcessUsers, readProcessUsers } from './process/proc.js'
export { type ProcessStat, parseProcessStat, readProcessStat } from './process/stat.js'
export { stopTree } from './process/stop.js'
export { describeProcesses, describeSome, type SomeSurvivors } from './process/survivors.js'
export {
  findTree,
  signalProcess,
  TaskTree,
  type TreeProcess,
  type TreeRoot,
  type TreeSelector,
} from './process/tree.js'
export { normalizeSignal } from './signals.js'
export { Slots } from './slots.js'
export { type KillSignal, normalizeSteps, type StopStepOptions } from './stop-steps.js'
export { decode, encode } from './wire/codec.js'
export { EncodedResult } from './wire/encoded-result.js'
export { fromWireError, toWireError, type WireError } from './wire/errors.js'
export { MESSAGE_LIMITS, type MessageLimits } from './wire/limits.js'
export { PEER_LIMITS, type PeerLimits, type PeerOptions, RpcPeer } from './wire/peer.js'
export { MessageScanner } from './wire/scanner.js'
export { type ConnectOptions, checkSocketPath, connectSocket, MAX_SOCKET_PATH_BYTES } from './wire/socket.js'
