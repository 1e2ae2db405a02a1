import { unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StopOptions } from '@bgtask/client'
import {
  checkOptions,
  currentPlace,
  DEFAULT_STOP_STEPS,
  exitStatusSchema,
  findTree,
  isRunning,
  type KnownOptions,
  liveness,
  logFileName,
  normalizeSteps,
  type RecordedInfo,
  type Survivor,
  socketFileName,
  stopTree,
  type TaskRecord,
  type TreeSelector,
  validate,
  WAIT_OPTIONS,
  withDeadline,
} from '@bgtask/protocol'
import { isRefused } from './is-refused.js'
import { removeOwn } from './remove-own.js'
import { runningCookies } from './running-cookies.js'

/** `orphaned`: the supervisor died, its child or what outlived a stop runs on. `lost`: neither runs. */
export type LostState = 'lost' | 'orphaned'

const STOP_OPTIONS: KnownOptions<StopOptions> = { ...WAIT_OPTIONS, steps: true }

/**
 * A task whose supervisor died without ending in order. What the supervisor had buffered is gone; how the child ends is
 * not known unless its exit was on record before.
 */
export class LostTask {
  readonly taskId: string
  /** The dead supervisor's pid. */
  readonly pid: number
  /** What the supervisor put on record last. */
  readonly record: TaskRecord
  readonly #path: string

  constructor(record: TaskRecord, path: string) {
    this.taskId = record.info.taskId
    this.pid = record.info.supervisorPid
    this.record = record
    this.#path = path
  }

  /** Judged anew at each look: an orphan may end at any time. */
  get state(): LostState {
    return hasOrphans(this.record) ? 'orphaned' : 'lost'
  }

  /** The info on record, with `state` as it is now. */
  get info(): RecordedInfo {
    return { ...this.record.info, state: this.state }
  }

  /**
   * Ends what runs on: the child's session, its descendants, whoever carries the task's cookie, and whoever holds its pipes.
   *
   * @returns who is still there after the last step; empty where all is gone.
   * @throws InvalidOptionError, TimeoutError, the signal's reason.
   */
  async stop(options: StopOptions = {}): Promise<Survivor[]> {
    const { steps = DEFAULT_STOP_STEPS, ...wait } = checkOptions(options, STOP_OPTIONS)
    const normalized = normalizeSteps(steps)
    // Once, before the first signal: when the child is gone, its pid no longer proves anything.
    const tree = treeOf(this.record)
    return withDeadline(wait, `stopping what is left of task ${this.pid}`, async (ended) => {
      ended.throwIfAborted()
      return stopTree(() => tree, normalized, ended)
    })
  }

  /** Removes the record, and the socket and log that the supervisor left; nobody is told of the task afterwards. */
  async remove(): Promise<void> {
    await this.#removeLeftovers()
    try {
      unlinkSync(this.#path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Not where the pid is another process's by now: the files may be those of a supervisor that is just starting. */
  async #removeLeftovers(): Promise<void> {
    const directory = dirname(this.#path)
    const socket = join(directory, socketFileName(this.pid))
    if (isRunning(this.pid, null) || !(await isRefused(socket))) return
    for (const path of [socket, join(directory, logFileName(this.pid))]) removeOwn(path, 0)
  }
}

/** Whether the child of a dead supervisor, or a process that outlived a stop, still runs. */
export function hasOrphans(record: TaskRecord): boolean {
  const { child, info } = record
  const survivors = validate(exitStatusSchema, info.exitStatus).value?.survivors ?? []
  const processes = [...(child === null ? [] : [child]), ...survivors]
  // A supervisor that was killed before it could record a start, or could not for want of space, leaves an outdated record.
  return processes.some((process) => stillRuns(record, process)) || runningCookies().has(info.taskId)
}

/** Whether anything of the task still runs, be it only what its child left behind. */
export function hasTree(record: TaskRecord): boolean {
  return findTree(treeOf(record)).length > 0
}

function treeOf(record: TaskRecord): TreeSelector {
  const { child, info, supervisor } = record
  // A pid that has been given to somebody else since must not lead us to that process's session.
  const root = child !== null && stillRuns(record, child) ? child : null
  return {
    since: supervisor.startTime,
    cookie: info.taskId,
    roots: root === null ? [] : [root],
    pipes: pipesOf(record),
    spare: [process.pid],
  }
}

/** Only real pipes, of this boot: other names, and those of another one, may be anybody's. */
function pipesOf({ pipes, supervisor }: TaskRecord): string[] {
  const { bootId, pidNamespace } = currentPlace()
  const isHere = supervisor.bootId === bootId && supervisor.pidNamespace === pidNamespace
  return isHere && Array.isArray(pipes) ? pipes.filter((name) => /^pipe:\[\d+\]$/.test(name)) : []
}

/** A task's processes lived where its supervisor did: same machine, boot and pid namespace. */
function stillRuns({ supervisor }: TaskRecord, { pid, startTime }: { pid: number; startTime: number | null }): boolean {
  return liveness({ ...supervisor, pid, startTime }) === 'alive'
}
