import type { Task } from '@bgtask/client'
import { POOL_PATH_VARIABLE } from '@bgtask/os'
import {
  type Access,
  type AccessOptions,
  accessSchema,
  checkOptions,
  InvalidOptionError,
  type KnownOptions,
  validate,
} from '@bgtask/protocol'
import { checkPathLength } from './directory/inspect.js'
import type { MkdirIfMissing } from './directory/mkdir.js'
import { absolutePath } from './options.js'
import type { TaskPool } from './task-pool.js'

/** What makes the tasks of a pool: a subclass of Task, say. */
export type TaskClass<T extends Task> = new (pool: TaskPool, pid: number) => T

/** Changes to an environment; `undefined` unsets. */
export type SupervisorEnv = Record<string, string | undefined>

export interface TaskPoolOptions<T extends Task = Task> {
  /** The directory, relative to the caller's. */
  readonly path: string
  /**
   * Make the directory if it is missing, instead of throwing: `true`, `{ mode, uid, gid }` or `[mode, uid, gid]`. One that is
   * there must be this user's, root's, of that uid, or of one of `access.owners`, and not wider than a mode that is given.
   */
  readonly mkdirIfMissing?: MkdirIfMissing
  /** argv of the supervisor, instead of the one of `@bgtask/supervisor`. */
  readonly supervisorCmd?: readonly string[]
  /** Laid over the defaults of `supervisorEnv`. */
  readonly supervisorEnv?: Readonly<SupervisorEnv>
  readonly taskClass?: TaskClass<T>
  /** Who else may come in, and whose entries are trusted. */
  readonly access?: Readonly<AccessOptions>
  /** Supervisors to start early, so that a spawn with behavior `daemon` takes milliseconds; 0 unless given. */
  readonly standby?: number
}

/** A standby costs what a Node process costs; more than this is a mistake. */
const MAX_STANDBY = 64

export const POOL_OPTIONS: KnownOptions<TaskPoolOptions> = {
  path: true,
  mkdirIfMissing: true,
  supervisorCmd: true,
  supervisorEnv: true,
  taskClass: true,
  access: true,
  standby: true,
}

export function checkPath(path: unknown): string {
  const absolute = absolutePath('path', path)
  checkPathLength(absolute)
  return absolute
}

export function checkTaskClass<C>(taskClass: C): C {
  if (typeof taskClass !== 'function') throw new InvalidOptionError('taskClass', taskClass, 'must be a class')
  return taskClass
}

export function checkAccess(options: AccessOptions = {}): Access {
  checkOptions(options, { mode: true, gid: true, owners: true }, 'access')
  const { value, invalid } = validate(accessSchema, options)
  if (invalid === undefined) return value
  throw new InvalidOptionError(['access', invalid.path].filter(Boolean).join('.'), invalid.got, invalid.problem)
}

export function checkStandby(count: unknown): number {
  if (Number.isInteger(count) && (count as number) >= 0 && (count as number) <= MAX_STANDBY) return count as number
  throw new InvalidOptionError('standby', count, `must be an integer from 0 to ${MAX_STANDBY}`)
}

/**
 * Node's own variables make its start slower or change what it does; the child gets them all the same, from the spec.
 */
export function defaultSupervisorEnv(path: string): SupervisorEnv {
  return { [POOL_PATH_VARIABLE]: path, NODE_OPTIONS: undefined, NODE_EXTRA_CA_CERTS: undefined }
}
