import type { Task } from '@bgtask/client'
import type { LostTask, TaskPool } from '@bgtask/pool'
import type { RecordedInfo } from '@bgtask/protocol'

/** A task whose supervisor answers, or one that lost its supervisor. */
export type FoundTask =
  | { readonly info: RecordedInfo; readonly task: Task; readonly lost?: undefined }
  | { readonly info: RecordedInfo; readonly task?: undefined; readonly lost: LostTask }

/** Finds a task by its id, or by its supervisor's pid. Searches records first, so usually without asking a supervisor. */
export async function findTask(pool: TaskPool, key: string, signal?: AbortSignal): Promise<FoundTask | undefined> {
  const pid = /^\d{1,10}$/.test(key) ? Number(key) : undefined
  const patterns = [{ taskId: key }, ...(pid === undefined ? [] : [{ supervisorPid: pid }])]
  for (const pattern of patterns) {
    const [task] = await pool.search(pattern, { signal })
    if (task?.cachedInfo !== undefined) return { info: task.cachedInfo, task }
  }
  const lost = (await pool.lost()).find(({ taskId, pid: lostPid }) => taskId === key || lostPid === pid)
  return lost === undefined ? undefined : { info: lost.info, lost }
}
