import { POOL_PATH_VARIABLE } from '@bgtask/os'
import { launchSpecSchema, type OptionsOf } from '@bgtask/protocol'
import * as v from 'valibot'
import type { MkdirIfMissing } from './directory/mkdir.js'
import { SUPERVISOR_KINDS, type SupervisorKind } from './launch/choice.js'
import { spoolOptionSchema } from './launch/spool-option.js'
import { argvSchema, environmentChangesSchema, pathSchema } from './options.js'
import { pruneOptionsSchema } from './retired/prune-options.js'

/** Changes to an environment; `undefined` unsets. */
export type SupervisorEnv = Record<string, string | undefined>

/** A standby costs what a Node process costs; more than this is a mistake. */
const MAX_STANDBY = 64

export const taskClassSchema = v.custom<object>((taskClass) => typeof taskClass === 'function', 'must be a class')

export const poolOptionsSchema = v.strictObject({
  /** The directory, relative to the caller's. */
  path: pathSchema,
  /**
   * Make the directory if it is missing, instead of throwing: `true`, `{ mode, uid, gid }` or `[mode, uid, gid]`. One that is
   * there must be this user's, root's, of that uid, or of one of `access.owners`, and not wider than a mode that is given.
   */
  mkdirIfMissing: v.optional(v.custom<MkdirIfMissing | null>(() => true)),
  /**
   * Which supervisor starts tasks: `native`, `node`, or `auto`, which is the native one if it is installed and runs, else the one in
   * Node.js. `$BGTASK_SUPERVISOR` unless given, else `auto`. `supervisorCmd` wins over it.
   */
  supervisor: v.optional(
    v.custom<SupervisorKind>(
      (kind) => SUPERVISOR_KINDS.includes(kind as string),
      `must be one of ${SUPERVISOR_KINDS.join(', ')}`,
    ),
  ),
  /** argv of a supervisor of one's own. */
  supervisorCmd: v.optional(argvSchema),
  /** `supervisorCmd` has the feature `detach`: it is started without a shell, and leaves its parent by itself. */
  supervisorDetaches: v.optional(v.boolean('must be a boolean'), false),
  /** Laid over the defaults of `supervisorEnv`. */
  supervisorEnv: v.optional(environmentChangesSchema, {}),
  /** Makes the tasks that the pool gives. */
  taskClass: v.optional(taskClassSchema),
  /** Who else may come in, and whose entries are trusted. */
  access: v.optional(v.strictObject(launchSpecSchema.entries.access.entries), {}),
  /** The `spool` of tasks that are spawned without one: keeps their output in files as well. */
  spool: v.optional(v.nullable(spoolOptionSchema), null),
  /** The `lingerMs` of tasks that are spawned without one: so long (ms) after their last run they retire. */
  lingerMs: launchSpecSchema.entries.lingerMs,
  /** Retired tasks to remove in passing, when the pool spawns: as `prune` does, a bounded number at a time. */
  retention: v.optional(pruneOptionsSchema),
  /** Supervisors to start early, so that a spawn with behavior `daemon` takes milliseconds; 0 unless given. */
  standby: v.optional(
    v.custom<number>(
      (count) => Number.isInteger(count) && (count as number) >= 0 && (count as number) <= MAX_STANDBY,
      `must be an integer from 0 to ${MAX_STANDBY}`,
    ),
    0,
  ),
})
/** Options of a pool whose tasks are made by a class of type `C`. */
export type PoolOptions<C> = Omit<OptionsOf<typeof poolOptionsSchema>, 'taskClass'> & {
  readonly taskClass?: C | undefined
}

/**
 * Node's own variables make its start slower or change what it does; the child gets them all the same, from the spec.
 */
export function defaultSupervisorEnv(path: string): SupervisorEnv {
  return { [POOL_PATH_VARIABLE]: path, NODE_OPTIONS: undefined, NODE_EXTRA_CA_CERTS: undefined }
}
