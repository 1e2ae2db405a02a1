import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Task } from '@bgtask/client'
import { currentPlace, POOL_PATH_VARIABLE } from '@bgtask/os'
import { InvalidOptionError, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'
import { poolOptionsSchema } from './pool-options.js'
import { TaskPool, type TaskPoolOptions } from './task-pool.js'

const optionsSchema = v.omit(poolOptionsSchema, ['path'])

/**
 * The pool that a user's programs share where nobody names another: `$BGTASK_TASKPOOL_PATH`, else `/run/bgtask` for root,
 * else `${XDG_STATE_HOME:-~/.local/state}/bgtask/<machine id>`, since a home may be shared by machines. Made with mode
 * 0700 where it is missing.
 *
 * @param options as for `new TaskPool`, but for the path.
 * @throws InvalidOptionError where the user has no home directory; else as `new TaskPool`.
 */
export function defaultTaskPool<T extends Task<object> = Task>(
  options: Omit<TaskPoolOptions<T>, 'path'> = {},
): TaskPool<T> {
  parseOptions(optionsSchema, options)
  return new TaskPool<T>({ mkdirIfMissing: true, ...options, path: defaultPath() })
}

function defaultPath(): string {
  const named = process.env[POOL_PATH_VARIABLE]
  if (named !== undefined && named !== '') return named
  if (process.geteuid?.() === 0) return '/run/bgtask'
  const stateHome = process.env.XDG_STATE_HOME
  // The XDG base directory specification: a relative path is to be ignored.
  const base = stateHome !== undefined && isAbsolute(stateHome) ? stateHome : join(homeDirectory(), '.local/state')
  return join(base, 'bgtask', currentPlace().machineId || 'unknown')
}

/** Users of containers may have neither HOME nor an entry in passwd; an empty HOME would be the working directory. */
function homeDirectory(): string {
  const { home, cause } = findHome()
  if (home !== undefined && isAbsolute(home)) return home
  const rule = `must be given: set ${POOL_PATH_VARIABLE}, since this user has no home directory`
  throw new InvalidOptionError('path', home, rule, { cause })
}

function findHome(): { home?: string; cause?: unknown } {
  try {
    return { home: homedir() }
  } catch (cause) {
    return { cause }
  }
}
