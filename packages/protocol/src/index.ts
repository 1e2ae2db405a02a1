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
  type Behavior,
  countSchema,
  DEFAULT_MAX_READ_BUF_SIZE,
  DEFAULT_STOP_STEPS,
  type KillSignal,
  type OutputStreamId,
  type Overflow,
  PROTOCOL_VERSION,
  type RestartPolicy,
  type RestartPolicyOptions,
  type StopStep,
  type StopStepOptions,
  type StreamId,
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
  type SomeSurvivors,
  type Survivor,
  type TaskInfo,
  type TaskState,
  taskInfoSchema,
} from './contract/info.js'
export { isPlainObject, type JsonObject, type JsonValue, jsonObjectProblem } from './contract/json.js'
export {
  MAX_READ_BYTES,
  MAX_WRITE_BYTES,
  METHOD_NAMES,
  type MethodName,
  type MethodParams,
  type ParsedParams,
  paramSchemas,
} from './contract/methods.js'
export {
  type Liveness,
  type ProcessIdentity,
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
export { soundInfo, soundRecordedInfo } from './contract/sound-info.js'
export { type LaunchSpec, launchSpecSchema, MAX_SPEC_BYTES } from './contract/spec.js'
export { describeInvalid, type Validated, validate } from './contract/validate.js'
export {
  logFileName,
  MAX_RECORD_BYTES,
  PRIVATE_SOCKET_NAME,
  parsePoolFileName,
  privateDirectoryPrefix,
  recordFileName,
  socketFileName,
  temporaryFileName,
  temporarySocketFileName,
} from './directory.js'
export {
  AmbiguousIdError,
  BgTaskError,
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
