import { POOL_PATH_VARIABLE } from '@bgtask/os'
import { accessSchema, type OptionsOf } from '@bgtask/protocol'
import * as v from 'valibot'
import type { MkdirIfMissing } from './directory/mkdir.js'
import { argvSchema, environmentChangesSchema, pathSchema } from './options.js'

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
  /** argv of the supervisor, instead of the one of `@bgtask/supervisor`. */
  supervisorCmd: v.optional(argvSchema),
  /** Laid over the defaults of `supervisorEnv`. */
  supervisorEnv: v.optional(environmentChangesSchema, {}),
  /** Makes the tasks that the pool gives. */
  taskClass: v.optional(taskClassSchema),
  /** Who else may come in, and whose entries are trusted. */
  access: v.optional(v.strictObject(accessSchema.entries), {}),
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
