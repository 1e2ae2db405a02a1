import { Slots } from '@bgtask/os'
import { checkOptions, handlerSchema, type KnownOptions } from '@bgtask/protocol'
import { listEntries, type PoolEntry } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { type EntryErrorOptions, entryReport } from '../entry-errors.js'
import { lostAmong } from './judge.js'
import { LostTask } from './lost-task.js'

/** `onError` is told of records that cannot be believed: whether their tasks are lost, nobody knows. */
export type LostOptions = EntryErrorOptions

const LOST_OPTIONS: KnownOptions<LostOptions> = { onError: handlerSchema }

/** Sockets tried at once, and how long (ms) one that hangs counts. */
const MAX_TRIED = 32
const PATIENCE_MS = 100

/** Tasks whose supervisor, of this machine, died without ending in order: their records are still there. */
export async function findLost(directory: PoolDirectory, options: LostOptions = {}): Promise<LostTask[]> {
  checkOptions(options, LOST_OPTIONS)
  const report = entryReport('lost', directory.path, options)
  const found: LostTask[] = []
  const tried = new Slots(MAX_TRIED, PATIENCE_MS)
  const judge = async (entry: PoolEntry) => {
    const lost = await lostAmong(directory, entry, readRecords(directory, entry, report))
    found.push(...lost.map((record) => new LostTask(record)))
  }
  await Promise.all(listEntries(directory.path).map((entry) => tried.run(() => judge(entry))))
  return found.sort((a, b) => a.pid - b.pid)
}
