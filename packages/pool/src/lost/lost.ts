import { checkOptions, handlerSchema, type KnownOptions } from '@bgtask/protocol'
import { listEntries } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { type EntryErrorOptions, entryReport } from '../entry-errors.js'
import { LostTask } from './lost-task.js'

/** `onError` is told of records that cannot be believed: whether their tasks are lost, nobody knows. */
export type LostOptions = EntryErrorOptions

const LOST_OPTIONS: KnownOptions<LostOptions> = { onError: handlerSchema }

/** Tasks whose supervisor, of this machine, died without ending in order: their records are still there. */
export function findLost(directory: PoolDirectory, options: LostOptions = {}): LostTask[] {
  checkOptions(options, LOST_OPTIONS)
  const report = entryReport('lost', directory.path, options)
  return listEntries(directory.path)
    .flatMap((entry) => readRecords(directory, entry, report))
    .filter(({ supervisor }) => supervisor === 'dead')
    .map(({ record, path }) => new LostTask(record, path))
}
