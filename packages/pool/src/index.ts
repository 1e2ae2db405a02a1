export {
  type FollowOptions,
  type KillOptions,
  type KillSignal,
  type LinesOptions,
  type MergedChunk,
  type MergedFollowOptions,
  type MergedGap,
  MergedOutput,
  type MergedPosition,
  type OrderOptions,
  type OutputChunk,
  type OutputGap,
  type OutputLine,
  type OutputMatch,
  type ReadableOptions,
  type ReadOptions,
  type RestartOptions,
  type StopOptions,
  type StopStepOptions,
  Task,
  type TaskEvents,
  TaskInput,
  TaskOutput,
  type TaskPoolView,
  type TaskProgress,
  type WaitExitOptions,
  type WaitedExit,
  type WaitForOptions,
  type WriteOptions,
} from '@bgtask/client'
export {
  type AccessOptions,
  AmbiguousIdError,
  type Behavior,
  BgTaskError,
  CommandError,
  type CommandProblem,
  type ErrorCode,
  type ExitStatus,
  type InputInfo,
  InvalidOptionError,
  isBgTaskError,
  type JsonObject,
  type JsonValue,
  LaunchError,
  LaunchTimeoutError,
  LockHeldError,
  type LockHolder,
  type OrderResult,
  OutputGapError,
  type OutputInfo,
  type OutputStreamId,
  type Overflow,
  PathTooLongError,
  PermissionError,
  PlatformError,
  PoolDirError,
  type PoolDirProblem,
  ProtocolError,
  type ReadResult,
  type RecordedInfo,
  RemoteError,
  type RestartPolicy,
  RunError,
  type RunProblem,
  StdinClosedError,
  type StopResult,
  type StreamId,
  type Survivor,
  TaskGoneError,
  type TaskInfo,
  type TaskRecord,
  type TaskState,
  TimeoutError,
  UnsupportedError,
  WouldBlockError,
} from '@bgtask/protocol'
export type { WaitOptions } from '@bgtask/protocol/rpc'
export { defaultTaskPool } from './default-task-pool.js'
export type { MkdirIfMissing, MkdirOptions } from './directory/mkdir.js'
export type { SearchEntry } from './entry-errors.js'
export type { ChosenSupervisor, SupervisorKind } from './launch/choice.js'
export type { SpawnOptions } from './launch/spawn-options.js'
export type { SpoolOptions } from './launch/spool-option.js'
export type { LostReason } from './lost/judge.js'
export type { LostOptions } from './lost/lost.js'
export { type LostState, LostTask } from './lost/lost-task.js'
export type { SweepOptions } from './lost/sweep.js'
export type { MetaInput, MetaOf } from './meta.js'
export type { PoolOptions, SupervisorEnv } from './pool-options.js'
export type { PruneOptions } from './retired/prune-options.js'
export type { RunOptions, RunResult } from './run/run-options.js'
export type { Pattern, TaskPattern, TaskPredicate } from './search/match.js'
export type { SearchOptions } from './search/search.js'
export { type TaskClass, TaskPool, type TaskPoolOptions } from './task-pool.js'
export type { PoolEvent } from './watch/event-queue.js'
export type { WatchOptions } from './watch/watch.js'
