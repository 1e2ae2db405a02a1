import { listEntries } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { LostTask } from './lost-task.js'

/** Tasks whose supervisor, of this machine, died without ending in order: their records are still there. */
export function findLost(directory: PoolDirectory): LostTask[] {
  return listEntries(directory.path)
    .flatMap((entry) => readRecords(directory, entry))
    .filter(({ supervisor }) => supervisor === 'dead')
    .map(({ record, path }) => new LostTask(record, path))
}
