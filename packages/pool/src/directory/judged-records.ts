import { liveness, readProcessUsers } from '@bgtask/os'
import { type Liveness, PermissionError, type TaskRecord } from '@bgtask/protocol'
import type { EntryReport } from '../entry-errors.js'
import { listEntries, type PoolEntry } from './entries.js'
import type { PoolDirectory } from './inspect.js'
import { type FoundRecord, readRecord } from './record.js'

/** A record, and whether its supervisor lives. */
export interface JudgedRecord extends FoundRecord {
  readonly supervisor: Liveness
}

/** All trusted and valid records of an entry; the others are passed to `report`. */
export function readRecords(
  directory: PoolDirectory,
  entry: PoolEntry,
  report: EntryReport = () => {},
): JudgedRecord[] {
  return entry.taskIds.flatMap((taskId) => {
    try {
      const found = readRecord(directory, entry.pid, taskId)
      return found === undefined ? [] : [judge(found)]
    } catch (error) {
      report(error, entry.pid)
      return []
    }
  })
}

/** @throws PermissionError for a record that names a process of another user as its supervisor. */
function judge(found: FoundRecord): JudgedRecord {
  const supervisor = liveness(found.record.supervisor)
  if (supervisor === 'alive' && !mayBeOf(found)) {
    const problem = `names a supervisor that does not run as the file's owner, uid ${found.ownerUid}`
    throw new PermissionError(found.path, problem)
  }
  return { ...found, supervisor }
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
