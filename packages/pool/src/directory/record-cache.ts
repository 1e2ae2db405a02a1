import type { Stats } from 'node:fs'
import type { TaskRecord } from '@bgtask/protocol'

/** A record, and the uid that owns its file: the one fact in it that cannot be forged. */
export interface FoundRecord {
  readonly record: TaskRecord
  readonly ownerUid: number
  readonly path: string
  readonly inode: string
  readonly mtimeMs: number
}

/** Two writes within a tick of the file system's clock have the same time: what is younger than this (ms) is read again. */
const SETTLE_MS = 1_000

interface CachedRecord {
  readonly version: string
  readonly found: FoundRecord
}

/** Records as they were read: of a file that has not changed, the record is the same. */
export class RecordCache {
  readonly #records = new Map<string, CachedRecord>()

  get(name: string, stats: Stats): FoundRecord | undefined {
    const cached = this.#records.get(name)
    return cached?.version === versionOf(stats) ? cached.found : undefined
  }

  set(name: string, stats: Stats, found: FoundRecord): void {
    if (Date.now() - stats.mtimeMs >= SETTLE_MS) this.#records.set(name, { version: versionOf(stats), found })
    else this.#records.delete(name)
  }

  /** Forgets records whose files are not among these. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#records.keys()) if (!names.has(name)) this.#records.delete(name)
  }
}

function versionOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(':')
}
