import { checkOptions, handlerSchema, type KnownOptions } from '@bgtask/protocol'
import { listEntries } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { type EntryErrorOptions, entryReport } from '../entry-errors.js'
import { forEachBounded } from '../search/bounded.js'
import { lostAmong } from './judge.js'
import { LostTask } from './lost-task.js'

/** `onError` is told of records that cannot be believed: whether their tasks are lost, nobody knows. */
export type LostOptions = EntryErrorOptions

const LOST_OPTIONS: KnownOptions<LostOptions> = { onError: handlerSchema }

/** Sockets tried at once. */
const MAX_TRIED = 32

/** Tasks whose supervisor, of this machine, died without ending in order: their records are still there. */
export async function findLost(directory: PoolDirectory, options: LostOptions = {}): Promise<LostTask[]> {
  checkOptions(options, LOST_OPTIONS)
  const report = entryReport('lost', directory.path, options)
  const found: LostTask[] = []
  await forEachBounded(listEntries(directory.path), MAX_TRIED, async (entry) => {
    const lost = await lostAmong(directory, entry, readRecords(directory, entry, report))
    found.push(...lost.map((record) => new LostTask(record)))
  })
  return found.sort((a, b) => a.pid - b.pid)
}
