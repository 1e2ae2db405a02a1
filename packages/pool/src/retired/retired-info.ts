import { soundInfo, type TaskInfo, type TaskRecord } from '@bgtask/protocol'
import { debug } from '../debug.js'
import type { PoolEntry } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { type JudgedRecord, readRecords } from '../directory/judged-records.js'

/** Those of an entry's records whose supervisors have retired. */
export function retiredRecords(directory: PoolDirectory, entry: PoolEntry): JudgedRecord[] {
  return readRecords(directory, entry).filter(({ isRetired }) => isRetired)
}

/** The whole info of a retired task: nothing in it can change any more. */
export function retiredInfo({ info }: TaskRecord): TaskInfo {
  const report = (problem: string) => debug(() => `record of ${info.taskId} is invalid: ${problem}`)
  return soundInfo({ ...structuredClone(info), clientCount: 0 }, info.supervisorPid, report)
}
