import { join } from 'node:path'
import type { FoundTask, TaskFiles } from '@bgtask/client'
import { taskDirectoryName, temporarySocketFileName } from '@bgtask/os'
import type { TaskRecord } from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import { debug } from '../debug.js'
import { listEntries } from './entries.js'
import type { PoolDirectory } from './inspect.js'
import { type JudgedRecord, readJudgedRecord, readRecords } from './judged-records.js'

/** What a task's files need of their pool. */
export interface TaskFilesPool {
  /** @throws PoolDirError */
  inspect(): PoolDirectory
  restart(retired: TaskRecord, options: WaitOptions): Promise<number>
  remove(retired: TaskRecord): Promise<void>
}

/** What a pool's directory has of one task, for its handle. */
export class DirectoryTaskFiles implements TaskFiles {
  readonly directory: string
  readonly #pool: TaskFilesPool
  readonly #poolPath: string
  readonly #taskId: string
  readonly #pid: number

  constructor(pool: TaskFilesPool, poolPath: string, taskId: string, pid: number) {
    this.directory = join(poolPath, taskDirectoryName(taskId))
    this.#pool = pool
    this.#poolPath = poolPath
    this.#taskId = taskId
    this.#pid = pid
  }

  trusts(uid: number): boolean {
    return this.#pool.inspect().trusts(uid)
  }

  find(): FoundTask | undefined {
    try {
      return asFound(this.#find(this.#pool.inspect()))
    } catch (error) {
      debug(() => `nothing found of task ${this.#taskId}: ${error}`)
      return undefined
    }
  }

  launchSocketPath(pid: number): string {
    return join(this.#poolPath, temporarySocketFileName(pid))
  }

  restart(retired: TaskRecord, options: WaitOptions): Promise<number> {
    return this.#pool.restart(retired, options)
  }

  remove(retired: TaskRecord): Promise<void> {
    return this.#pool.remove(retired)
  }

  /** Mostly under the pid that is known; another one has started the task again if not. */
  #find(directory: PoolDirectory): JudgedRecord | undefined {
    const own = readJudgedRecord(directory, this.#pid, this.#taskId)
    if (own !== undefined && isKept(own)) return own
    const others = listEntries(directory)
      .filter(({ pid, taskIds }) => pid !== this.#pid && taskIds.includes(this.#taskId))
      .flatMap((entry) => readRecords(directory, { ...entry, taskIds: [this.#taskId] }))
    return others.find(isKept) ?? own ?? others[0]
  }
}

function isKept({ supervisor, isRetired }: JudgedRecord): boolean {
  return isRetired || supervisor !== 'dead'
}

function asFound(found: JudgedRecord | undefined): FoundTask | undefined {
  if (found === undefined) return undefined
  const { record, supervisor, isRetired } = found
  if (isRetired) return { record, supervisor: 'retired' }
  return { record, supervisor: supervisor === 'dead' ? 'dead' : 'alive' }
}
