import type { Task } from '@bgtask/client'
import { AmbiguousIdError, InvalidOptionError, isBgTaskError, parseOptions } from '@bgtask/protocol'
import { type WaitOptions, waitOptionsSchema } from '@bgtask/protocol/rpc'
import { checkSocket } from '../directory/inspect.js'
import { DEFAULT_ANSWER_MS, type SearchView, searchTasks } from './search.js'

/** A beginning of an id that is shorter fits too much to be meant: of a hundred tasks, two share four digits once in 13 pools. */
const SHORTEST_ID = 4

/** The task whose supervisor has that pid now; undefined where none listens. */
export async function taskByPid<T extends Task<object>>(
  view: SearchView<T>,
  pid: number,
  options: WaitOptions,
): Promise<T | undefined> {
  const { signal, timeoutMs = DEFAULT_ANSWER_MS } = parseOptions(waitOptionsSchema, options)
  return unlessGone(async () => {
    checkSocket(view.directory, view.socketPath(pid), pid)
    const task = view.taskAt(pid)
    await task.info({ signal, timeoutMs })
    return task
  })
}

/** The task with that id, or the one whose id begins so; undefined where none of them listens. @throws AmbiguousIdError. */
export async function taskById<T extends Task<object>>(
  view: SearchView<T>,
  id: string,
  options: WaitOptions,
): Promise<T | undefined> {
  const { signal, timeoutMs = DEFAULT_ANSWER_MS } = parseOptions(waitOptionsSchema, options)
  if (typeof id !== 'string' || !/^[0-9a-f]{1,64}$/.test(id) || id.length < SHORTEST_ID) {
    throw new InvalidOptionError(
      'taskId',
      id,
      `must be a task id, or its first ${SHORTEST_ID} lower-case hex digits or more`,
    )
  }
  const found = await searchTasks(view, { taskId: new RegExp(`^${id}`) }, { signal, timeoutMs })
  const task = found.find(({ taskId }) => taskId === id) ?? found[0]
  if (task === undefined) return undefined
  if (found.length > 1 && task.taskId !== id) throw new AmbiguousIdError(id, found.map(idOf))
  return unlessGone(async () => {
    await task.info({ signal, timeoutMs })
    return task
  })
}

function idOf({ taskId = '' }: Task<object>): string {
  return taskId
}

async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) return undefined
    throw error
  }
}
