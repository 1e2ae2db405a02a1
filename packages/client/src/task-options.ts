import type { ExitStatus, OptionsOf } from '@bgtask/protocol'
import { waitOptionsSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { stopStepsOptionSchema } from './call-options.js'

export const killOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Signal everything that belongs to the task, as `stop` does, instead of the child alone. */
  tree: v.optional(v.boolean()),
})
export type KillOptions = OptionsOf<typeof killOptionsSchema>

export const stopOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Replace the steps that the task was spawned with. */
  steps: v.optional(stopStepsOptionSchema),
})
export type StopOptions = OptionsOf<typeof stopOptionsSchema>

export const restartOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Stop a running child first: true for the task's own steps, or steps for this time. */
  stop: v.optional(v.union([v.boolean(), stopStepsOptionSchema])),
})
export type RestartOptions = OptionsOf<typeof restartOptionsSchema>

export const waitExitOptionsSchema = v.strictObject({
  ...waitOptionsSchema.entries,
  /** Number of a run, from 1. */
  run: v.optional(v.pipe(v.number(), v.safeInteger('must be a whole number'), v.minValue(1))),
})
export type WaitExitOptions = OptionsOf<typeof waitExitOptionsSchema>

/** A run's end, and which run it was. */
export type WaitedExit = ExitStatus & { readonly run: number }

export const progressSchema = v.strictObject({
  done: v.optional(v.number()),
  total: v.optional(v.number()),
  text: v.optional(v.string()),
})
/** How far a job is. What is left out stays as it was. */
export type TaskProgress = OptionsOf<typeof progressSchema>
