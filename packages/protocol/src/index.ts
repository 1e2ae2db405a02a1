export {
  type EventName,
  type EventPayload,
  eventSchemas,
} from './contract/events.js'
export {
  type Access,
  type AccessOptions,
  type Behavior,
  countSchema,
  DEFAULT_MAX_READ_BUF_SIZE,
  DEFAULT_STOP_STEPS,
  durationMsSchema,
  MIN_SEGMENT_BYTES,
  type OutputStreamId,
  type Overflow,
  PROTOCOL_VERSION,
  type RestartPolicy,
  type Spool,
  type StopStep,
  type StreamId,
  spoolSchema,
} from './contract/fields.js'
export {
  type ExitStatus,
  type InputInfo,
  type LiveState,
  type OutputInfo,
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
} from './contract/results.js'
export { soundInfo, soundRecordedInfo } from './contract/sound-info.js'
export { type LaunchSpec, launchSpecSchema, MAX_SPEC_BYTES, type Resume } from './contract/spec.js'
export { describeInvalid, validate } from './contract/validate.js'
export {
  AmbiguousIdError,
  BgTaskError,
  CommandError,
  type CommandProblem,
  describeValue,
  type ErrorCode,
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
  type PoolDirProblem,
  ProtocolError,
  RemoteError,
  RunError,
  type RunProblem,
  StdinClosedError,
  TaskGoneError,
  TimeoutError,
  UnsupportedError,
  WouldBlockError,
} from './errors.js'
export { type OptionsOf, parseOption, parseOptions } from './options.js'
