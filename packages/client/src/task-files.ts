import type { TaskRecord } from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'
import type { SpoolPlace } from './spool/spool-place.js'

/** The record of a task, and what is known of the supervisor that wrote it. */
export interface FoundTask {
  readonly record: TaskRecord
  /** `retired`: it left in order, and the task is kept. `alive`: it may listen. `dead`: it was killed. */
  readonly supervisor: 'retired' | 'alive' | 'dead'
}

/** What a pool's directory has of one task. */
export interface TaskFiles extends SpoolPlace {
  /** The task as its record has it now; undefined if there is none that can be trusted. Cheap if nothing has changed. */
  find(): FoundTask | undefined
  /** Where the supervisor with that pid listens until its launch is over. */
  launchSocketPath(pid: number): string
  /**
   * Starts a supervisor for the retired task, and with it the next run.
   *
   * @returns the supervisor's pid. @throws what a spawn throws; LockHeldError if another one has just been started.
   */
  restart(retired: TaskRecord, options: WaitOptions): Promise<number>
  /** Removes the record and the directory of the retired task. @throws PermissionError if they are another user's. */
  remove(retired: TaskRecord): Promise<void>
}
