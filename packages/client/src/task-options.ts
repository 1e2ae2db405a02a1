import { type ExitStatus, flagSchema, type KnownOptions, type StopStepOptions } from '@bgtask/protocol'
import { WAIT_OPTIONS, type WaitOptions } from '@bgtask/protocol/rpc'

export interface KillOptions extends WaitOptions {
  /** Signal everything that belongs to the task, as `stop` does, instead of the child alone. */
  readonly tree?: boolean
}

export interface StopOptions extends WaitOptions {
  /** Instead of the task's own, as given to `spawn`. */
  readonly steps?: readonly StopStepOptions[]
}

export interface WaitExitOptions extends WaitOptions {
  /** Number of a run, from 1. */
  readonly run?: number
}

export const KILL_OPTIONS: KnownOptions<KillOptions> = { ...WAIT_OPTIONS, tree: flagSchema }
export const STOP_OPTIONS: KnownOptions<StopOptions> = { ...WAIT_OPTIONS, steps: true }
export const WAIT_EXIT_OPTIONS: KnownOptions<WaitExitOptions> = { ...WAIT_OPTIONS, run: true }
export const PROGRESS: KnownOptions<TaskProgress> = { done: true, total: true, text: true }

/** A run's end, and which run it was. */
export type WaitedExit = ExitStatus & { readonly run: number }

/** How far a job is. What is left out stays as it was. */
export interface TaskProgress {
  readonly done?: number
  readonly total?: number
  readonly text?: string
}
