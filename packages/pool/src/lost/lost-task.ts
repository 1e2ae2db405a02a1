import { unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { StopOptions } from '@bgtask/client'
import {
  canReadProcesses,
  checkOptions,
  currentPlace,
  DEFAULT_STOP_STEPS,
  exitStatusSchema,
  findTree,
  hasSameClock,
  isHere,
  type KnownOptions,
  liveness,
  livenessHere,
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
import type { FoundRecord } from '../directory/record.js'
import { isRefused } from './is-refused.js'
import { type LostReason, SETTLE_MS } from './judge.js'
import { removeOwn } from './remove-own.js'

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
  /** How it is known: `died`, its supervisor is dead; `silent`, it cannot be seen from here, but its socket refuses. */
  readonly reason: LostReason
  readonly #path: string
  readonly #owner: number

  constructor({ record, path, ownerUid, reason }: FoundRecord & { readonly reason: LostReason }) {
    this.taskId = record.info.taskId
    this.pid = record.info.supervisorPid
    this.record = record
    this.reason = reason
    this.#path = path
    this.#owner = ownerUid
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
   * A record may name anything, so only processes that the owner of its file started (by real uid) are signalled, unless
   * that is root.
   *
   * @returns who is still there after the last step, those that were not signalled among them; empty where all is gone.
   * @throws InvalidOptionError, TimeoutError, the signal's reason.
   */
  async stop(options: StopOptions = {}): Promise<Survivor[]> {
    const { steps = DEFAULT_STOP_STEPS, ...wait } = checkOptions(options, STOP_OPTIONS)
    const normalized = normalizeSteps(steps)
    // Once, before the first signal: when the child is gone, its pid no longer proves anything.
    const tree = { ...treeOf(this.record), owner: this.#owner }
    return withDeadline(wait, `stopping what is left of task ${this.pid}`, async (ended) => {
      ended.throwIfAborted()
      const survivors = await stopTree(() => tree, normalized, ended)
      return survivors.length > 0 ? survivors : unprovenOf(this.record)
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
    const isFree = this.reason === 'died' && livenessHere(this.pid, null) === 'dead'
    if ((this.reason === 'died' && !isFree) || !(await isRefused(socket))) return
    for (const path of [socket, join(directory, logFileName(this.pid))]) removeOwn(path, isFree ? 0 : SETTLE_MS)
  }
}

/** Whether the child of a dead supervisor, or a process that outlived a stop, still runs. */
export function hasOrphans(record: TaskRecord): boolean {
  const { child, info, supervisor } = record
  // Pids of another namespace mean nothing here, but its processes may be seen.
  if (!isHere(supervisor)) return isOfThisBoot(record) && hasTree(record)
  if (namedProcesses(record).some((process) => mayRun(record, process))) return true
  // Killed between the start of a child and its recording, a supervisor leaves one that its record does not name.
  return child === null && info.state === 'starting' && hasTree(record)
}

/** Whether anything of the task still runs, be it only what its child left behind; true where that cannot be excluded. */
export function mayHaveTree(record: TaskRecord): boolean {
  return isOfThisBoot(record) && (!canReadProcesses() || hasTree(record))
}

function hasTree(record: TaskRecord): boolean {
  return findTree(treeOf(record)).length > 0
}

function treeOf(record: TaskRecord): TreeSelector {
  const { info, supervisor } = record
  return {
    since: hasSameClock(supervisor) ? supervisor.startTime : null,
    cookie: info.taskId,
    // A pid that has been given to somebody else since must not lead us to that process's session.
    roots: namedProcesses(record).filter((process) => isAlive(record, process)),
    pipes: pipesOf(record),
    spare: [process.pid],
  }
}

/** Only real pipes, of this boot: other names, and those of another one, may be anybody's. Namespaces do not matter to them. */
function pipesOf(record: TaskRecord): string[] {
  const { pipes } = record
  return isOfThisBoot(record) && Array.isArray(pipes) ? pipes.filter((name) => /^pipe:\[\d+\]$/.test(name)) : []
}

function isOfThisBoot({ supervisor }: TaskRecord): boolean {
  return supervisor.bootId === currentPlace().bootId
}

interface NamedProcess {
  readonly pid: number
  readonly startTime: number | null
  readonly command?: string
}

/** The child, and what outlived a stop. */
function namedProcesses({ child, info }: TaskRecord): NamedProcess[] {
  const survivors = validate(exitStatusSchema, info.exitStatus).value?.survivors ?? []
  return [...(child === null ? [] : [child]), ...survivors]
}

/** What the record names and may run though it was not found, since nothing proves here that it is still the same process. */
function unprovenOf(record: TaskRecord): Survivor[] {
  return namedProcesses(record)
    .filter((process) => mayRun(record, process))
    .map(({ pid, startTime, command = '' }) => ({ pid, startTime: startTime ?? 0, command }))
}

/** A task's processes lived where its supervisor did: same machine, boot and pid namespace. */
function isAlive({ supervisor }: TaskRecord, { pid, startTime }: NamedProcess): boolean {
  return liveness({ ...supervisor, pid, startTime }) === 'alive'
}

/** Of a process that has the pid and cannot be seen, or whose start time cannot be compared, too. */
function mayRun({ supervisor }: TaskRecord, { pid, startTime }: NamedProcess): boolean {
  return isHere(supervisor) && liveness({ ...supervisor, pid, startTime }) !== 'dead'
}
