export { type KillSignal, killSignalSchema, type StopStepOptions } from './call-options.js'
export type { TaskEvents } from './events.js'
export type { OutputChunk, OutputGap } from './output/chunks.js'
export type { FollowOptions } from './output/follow.js'
export { keptOutputs } from './output/kept-outputs.js'
export type { LinesOptions } from './output/lines.js'
export type { MergedChunk, MergedGap, MergedPosition } from './output/merge.js'
export { type MergedFollowOptions, MergedOutput, type OrderOptions } from './output/merged-output.js'
export type { ReadableOptions } from './output/readable.js'
export { type ReadOptions, TaskOutput } from './output/task-output.js'
export type { WaitForOptions } from './output/wait-for.js'
export type { SpoolPlace } from './spool/spool-place.js'
export { Task } from './task.js'
export type { FoundTask, TaskFiles } from './task-files.js'
export { TaskInput, type WriteOptions } from './task-input.js'
export {
  type KillOptions,
  type RestartOptions,
  type StopOptions,
  stopOptionsSchema,
  type TaskProgress,
  type WaitExitOptions,
  type WaitedExit,
} from './task-options.js'
export type { TaskPoolView } from './task-pool-view.js'
export type { OutputLine } from './text/line-splitter.js'
export type { OutputMatch } from './text/matcher.js'
