import { Slots } from '@bgtask/os'
import { type OptionsOf, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'
import { listEntries, type PoolEntry } from '../directory/entries.js'
import type { PoolDirectory } from '../directory/inspect.js'
import { readRecords } from '../directory/judged-records.js'
import { entryReport, onErrorSchema } from '../entry-errors.js'
import { lostAmong } from './judge.js'
import { LostTask } from './lost-task.js'

const lostOptionsSchema = v.strictObject({
  /** Gets each record that cannot be believed; whether its task is lost is unknown. */
  onError: onErrorSchema,
})
export type LostOptions = OptionsOf<typeof lostOptionsSchema>

/** Sockets tried at once, and how long (ms) one that hangs counts. */
const MAX_TRIED = 32
const PATIENCE_MS = 100

/** Tasks whose supervisor, of this machine, died without ending in order: their records are still there. */
export async function findLost(directory: PoolDirectory, options: LostOptions = {}): Promise<LostTask[]> {
  const report = entryReport('lost', directory.path, parseOptions(lostOptionsSchema, options))
  const found: LostTask[] = []
  const tried = new Slots(MAX_TRIED, PATIENCE_MS)
  const judge = async (entry: PoolEntry) => {
    const lost = await lostAmong(directory, entry, readRecords(directory, entry, report))
    found.push(...lost.map((record) => new LostTask(directory, record)))
  }
  await Promise.all(listEntries(directory).map((entry) => tried.run(() => judge(entry))))
  return found.sort((a, b) => a.pid - b.pid)
}
