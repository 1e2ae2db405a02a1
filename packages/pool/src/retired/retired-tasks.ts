import { lstatSync, unlinkSync } from 'node:fs'
import { recordFileName } from '@bgtask/os'
import { PermissionError, type TaskRecord } from '@bgtask/protocol'
import { type PoolDirectory, whileHeld } from '../directory/inspect.js'
import { readJudgedRecord } from '../directory/judged-records.js'
import { mayRemove, removeTaskDirectory } from '../directory/task-directory.js'

/**
 * Removes a retired task: its record, then its directory, unless it has been started again. What is gone already is not an
 * error.
 *
 * @returns whether it was there.
 * @throws PoolDirError if another directory has taken the pool's place, PermissionError if the task is another user's.
 */
export async function removeRetired(directory: PoolDirectory, { info }: TaskRecord): Promise<boolean> {
  const { taskId, supervisorPid } = info
  const name = recordFileName(supervisorPid, taskId)
  return whileHeld(directory, (held) => {
    const stats = lstatSync(held.at(name), { throwIfNoEntry: false })
    if (stats === undefined || readJudgedRecord(held, supervisorPid, taskId)?.isRetired !== true) return false
    if (!mayRemove(stats.uid))
      throw new PermissionError(
        `${directory.path}/${name}`,
        `belongs to uid ${stats.uid}, who alone can remove the task`,
      )
    unlinkSync(held.at(name))
    removeTaskDirectory(held, taskId)
    return true
  })
}
