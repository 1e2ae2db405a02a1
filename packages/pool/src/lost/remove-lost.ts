import { existsSync, lstatSync, unlinkSync } from 'node:fs'
import { livenessHere, logFileName, recordFileName, socketFileName } from '@bgtask/os'
import { PermissionError } from '@bgtask/protocol'
import { inodeOf, type PoolDirectory, whileHeld } from '../directory/inspect.js'
import { removeTaskDirectory } from '../directory/task-directory.js'
import { isRefused } from './is-refused.js'
import { type LostRecord, SETTLE_MS } from './judge.js'
import { removeOwn } from './remove-own.js'

/**
 * Removes the record of a lost task, its output in files, and the socket and log that its supervisor left. What is gone already is no error.
 *
 * @throws PoolDirError if another directory has taken the pool's place, PermissionError if another record has taken the record's.
 */
export async function removeLost(directory: PoolDirectory, lost: LostRecord): Promise<void> {
  if (!existsSync(directory.path)) return
  await whileHeld(directory, async (held) => {
    if (!isThere(held, lost)) return
    await removeLeftovers(held, lost)
    if (!isThere(held, lost)) return
    unlinkSync(held.at(nameOf(lost)))
    removeTaskDirectory(held, lost.record.info.taskId)
  })
}

function isThere(directory: PoolDirectory, lost: LostRecord): boolean {
  const stats = lstatSync(directory.at(nameOf(lost)), { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (inodeOf(stats) !== lost.inode) throw new PermissionError(lost.path, 'was replaced since the task was found')
  return true
}

function nameOf({ record }: LostRecord): string {
  return recordFileName(record.info.supervisorPid, record.info.taskId)
}

/** Not if the pid is another process's by now: the files may be those of a supervisor that is just starting. */
async function removeLeftovers(directory: PoolDirectory, { record, reason }: LostRecord): Promise<void> {
  const pid = record.info.supervisorPid
  const isFree = reason === 'died' && livenessHere(pid, null) === 'dead'
  if (reason === 'died' && !isFree) return
  const socket = directory.at(socketFileName(pid))
  if (!(await isRefused(socket))) return
  for (const path of [socket, directory.at(logFileName(pid))]) removeOwn(path, isFree ? 0 : SETTLE_MS)
}
