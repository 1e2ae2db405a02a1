import { closeSync, constants, fstatSync, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { parseSegmentName, SPEC_FILE_NAME, taskDirectoryName } from '@bgtask/os'
import { listEntries } from './entries.js'
import type { PoolDirectory } from './inspect.js'

/**
 * Removes a task's directory and the files in it that are a task's, unless a record still names the task. Other files stay,
 * and the directory with them.
 *
 * @returns whether it was removed.
 */
export function removeTaskDirectory(directory: Pick<PoolDirectory, 'path' | 'at'>, taskId: string): boolean {
  if (listEntries(directory).some(({ taskIds }) => taskIds.includes(taskId))) return false
  const path = directory.at(taskDirectoryName(taskId))
  try {
    removeFiles(path)
    rmdirSync(path)
    return true
  } catch {
    // Missing, another user's, or not empty.
    return false
  }
}

/** Whether files of that owner are this user's to remove. */
export function mayRemove(uid: number): boolean {
  const own = process.geteuid?.()
  return own === 0 || uid === own
}

/** By descriptor, since another directory, or a link to one, can take its place. */
function removeFiles(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const held = `/proc/self/fd/${fd}`
    if (!mayRemove(fstatSync(fd).uid)) return
    for (const name of readdirSync(held)) {
      if (name === SPEC_FILE_NAME || parseSegmentName(name) !== undefined) unlinkSync(`${held}/${name}`)
    }
  } finally {
    closeSync(fd)
  }
}
