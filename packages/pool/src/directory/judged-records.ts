import { liveness, readProcessUsers } from '@bgtask/os'
import { type Liveness, PermissionError, type TaskRecord } from '@bgtask/protocol'
import type { EntryReport } from '../entry-errors.js'
import { listEntries, type PoolEntry } from './entries.js'
import type { PoolDirectory } from './inspect.js'
import { readRecord } from './record.js'
import type { FoundRecord } from './record-cache.js'

/** A record, and whether its supervisor lives. */
export interface JudgedRecord extends FoundRecord {
  readonly supervisor: Liveness
  /** The supervisor has left in order, and the task is kept. */
  readonly isRetired: boolean
}

/** All trusted and valid records of an entry; the others are passed to `report`. */
export function readRecords(
  directory: PoolDirectory,
  entry: PoolEntry,
  report: EntryReport = () => {},
): JudgedRecord[] {
  return entry.taskIds.flatMap((taskId) => {
    try {
      return readJudgedRecord(directory, entry.pid, taskId) ?? []
    } catch (error) {
      report(error, entry.pid)
      return []
    }
  })
}

/** The record of one task, if there is one. @throws as `readRecord` and for a record of another user's supervisor. */
export function readJudgedRecord(directory: PoolDirectory, pid: number, taskId: string): JudgedRecord | undefined {
  const found = readRecord(directory, pid, taskId)
  return found && judge(found)
}

/** @throws PermissionError for a record that names a process of another user as its supervisor. */
function judge(found: FoundRecord): JudgedRecord {
  // It does nothing any more but end.
  if (isRetired(found.record)) return { ...found, supervisor: 'dead', isRetired: true }
  const supervisor = liveness(found.record.supervisor)
  if (supervisor === 'alive' && !mayBeOf(found)) {
    const problem = `names a supervisor that does not run as the file's owner, uid ${found.ownerUid}`
    throw new PermissionError(found.path, problem)
  }
  return { ...found, supervisor, isRetired: false }
}

/** @throws PermissionError if a task's record is another user's, so that what it says must not be started. */
export function checkOwnRecord(directory: PoolDirectory, { info }: TaskRecord): void {
  const found = readRecord(directory, info.supervisorPid, info.taskId)
  if (found === undefined || found.ownerUid === process.geteuid?.()) return
  throw new PermissionError(found.path, `belongs to uid ${found.ownerUid}, who alone can restart the task`)
}

export function isRetired({ info }: TaskRecord): boolean {
  return info.retiredAt !== null
}

/** Root may write records of any user, and this process forges none: only other users' records need another read. */
function mayBeOf({ record, ownerUid }: FoundRecord): boolean {
  if (ownerUid === 0 || ownerUid === process.geteuid?.()) return true
  const users = readProcessUsers(record.supervisor.pid)
  // It has exited meanwhile.
  return users === undefined || users.effective === ownerUid
}

/** The record of that pid's supervisor if it lives, else the newest; undefined if none is valid. */
export function latestRecord(directory: PoolDirectory, pid: number): TaskRecord | undefined {
  const records = listEntries(directory)
    .filter((entry) => entry.pid === pid)
    .flatMap((entry) => readRecords(directory, entry))
  // A user who may write here can forge one that is newer than all others.
  const living = records.filter(({ supervisor }) => supervisor === 'alive')
  const candidates = living.length > 0 ? living : records
  return candidates.sort((a, b) => b.record.info.createdAt - a.record.info.createdAt)[0]?.record
}
