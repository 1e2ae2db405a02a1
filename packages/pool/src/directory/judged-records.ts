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

/** All records of an entry that can be believed; the others are told to `report`. */
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

/** Root may write for anybody, and we ourselves forge nothing: only records of others cost another read. */
function mayBeOf({ record, ownerUid }: FoundRecord): boolean {
  if (ownerUid === 0 || ownerUid === process.geteuid?.()) return true
  const users = readProcessUsers(record.supervisor.pid)
  // Gone meanwhile: then it does not live.
  return users === undefined || users.effective === ownerUid
}

/** The record of that pid's supervisor if it lives, else the newest; undefined where none can be believed. */
export function latestRecord(directory: PoolDirectory, pid: number): TaskRecord | undefined {
  const records = listEntries(directory)
    .filter((entry) => entry.pid === pid)
    .flatMap((entry) => readRecords(directory, entry))
  // Whoever may write here can make one that is newer than any.
  const living = records.filter(({ supervisor }) => supervisor === 'alive')
  const candidates = living.length > 0 ? living : records
  return candidates.sort((a, b) => b.record.info.createdAt - a.record.info.createdAt)[0]?.record
}
