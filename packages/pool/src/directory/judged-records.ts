import { type Liveness, liveness, type TaskRecord } from '@bgtask/protocol'
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
      return found === undefined ? [] : [{ ...found, supervisor: liveness(found.record.supervisor) }]
    } catch (error) {
      report(error, entry.pid)
      return []
    }
  })
}

/** The newest record of that pid; undefined where none can be believed. */
export function latestRecord(directory: PoolDirectory, pid: number): TaskRecord | undefined {
  const records = listEntries(directory.path)
    .filter((entry) => entry.pid === pid)
    .flatMap((entry) => readRecords(directory, entry))
  return records.sort((a, b) => b.record.info.createdAt - a.record.info.createdAt)[0]?.record
}
