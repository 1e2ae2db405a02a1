import * as v from 'valibot'
import { countSchema, PROTOCOL_VERSION } from './fields.js'
import { recordedInfoSchema } from './info.js'

/** A process that cannot be mistaken for a later one with the same pid, on this machine or another. */
export const processIdentitySchema = v.looseObject({
  pid: countSchema,
  /** Field 22 of `/proc/PID/stat`: clock ticks after boot. Null if there is no `/proc`. */
  startTime: v.nullable(countSchema),
  bootId: v.string(),
  machineId: v.string(),
  /** Such as `pid:[4026531836]`. */
  pidNamespace: v.string(),
  /** Such as `time:[4026531834]`: of whoever read the start time, which is counted from another moment in another one. */
  timeNamespace: v.optional(v.string()),
})
export type ProcessIdentity = v.InferOutput<typeof processIdentitySchema>

/**
 * `alive`: exactly that process runs. `dead`: it does not, or it is a zombie. `unknown`: it belongs to another machine, boot
 * or pid namespace, or a process has its pid whose start time cannot be seen or compared, or there is no `/proc`.
 */
export type Liveness = 'alive' | 'dead' | 'unknown'

/** The file `<pid>.<taskId>.json` in the pool's directory, as JSON. */
export const taskRecordSchema = v.looseObject({
  v: v.literal(PROTOCOL_VERSION),
  supervisor: processIdentitySchema,
  /** The child while one runs; pid and start time suffice, the rest is the supervisor's. */
  child: v.nullable(v.looseObject({ pid: countSchema, startTime: v.nullable(countSchema) })),
  /** Names of the pipes that the runs had, as in `/proc/PID/fd`: a process that holds one as its fd 0, 1 or 2 belongs to the task. */
  pipes: v.optional(v.array(v.string())),
  uid: countSchema,
  info: recordedInfoSchema,
})
export type TaskRecord = v.InferOutput<typeof taskRecordSchema>
