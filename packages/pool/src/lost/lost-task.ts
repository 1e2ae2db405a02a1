import { join } from 'node:path'
import { keptOutputs, type MergedOutput, type StopOptions, stopOptionsSchema, type TaskOutput } from '@bgtask/client'
import {
  canReadProcesses,
  currentPlace,
  describeProcesses,
  hasSameClock,
  isHere,
  liveness,
  stopTree,
  TaskTree,
  type TreeSelector,
  taskDirectoryName,
} from '@bgtask/os'
import { DEFAULT_STOP_STEPS, parseOptions, type RecordedInfo, type Survivor, type TaskRecord } from '@bgtask/protocol'
import { withDeadline } from '@bgtask/protocol/rpc'
import type { PoolDirectory } from '../directory/inspect.js'
import type { LostReason, LostRecord } from './judge.js'
import { processTable } from './process-table.js'
import { removeLost } from './remove-lost.js'

/** `orphaned`: the supervisor died, and something of the task runs on. `lost`: nothing of it is found. */
export type LostState = 'lost' | 'orphaned'

/**
 * A task whose supervisor died without ending in order. Of its output, what the supervisor had written to files can be read.
 * How the child ends is not known unless its exit was on record before.
 */
export class LostTask {
  readonly taskId: string
  /** The dead supervisor's pid. */
  readonly pid: number
  /** What the supervisor put on record last. */
  readonly record: TaskRecord
  /** How it is known: `died`, its supervisor is dead; `silent`, it cannot be seen from here, but its socket refuses. */
  readonly reason: LostReason
  /** What is in files of the child's stdout; it ends there. Without the spec's `spool` there is nothing. */
  readonly stdout: TaskOutput
  readonly stderr: TaskOutput
  /** Both outputs in the order in which they were read. */
  readonly output: MergedOutput
  readonly #remove: () => Promise<void>
  /** One for all stops: what one of them left is known to the next. */
  readonly #tree: TaskTree

  constructor(directory: PoolDirectory, found: LostRecord) {
    const { record, ownerUid, reason } = found
    this.taskId = record.info.taskId
    this.pid = record.info.supervisorPid
    this.record = record
    this.reason = reason
    const place = { directory: join(directory.path, taskDirectoryName(this.taskId)), trusts: directory.trusts }
    const { stdout, stderr, output } = keptOutputs(this.taskId, place)
    this.stdout = stdout
    this.stderr = stderr
    this.output = output
    this.#remove = () => removeLost(directory, found)
    this.#tree = treeOf(record, ownerUid)
  }

  /** Judged anew at each look: an orphan may end at any time. */
  get state(): LostState {
    return runsOn(this.record, this.#tree) ? 'orphaned' : 'lost'
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
    const { steps = DEFAULT_STOP_STEPS, ...wait } = parseOptions(stopOptionsSchema, options)
    return withDeadline(wait, `stopping what is left of task ${this.pid}`, async (ended) => {
      ended.throwIfAborted()
      const survivors = describeProcesses(await stopTree(this.#tree, steps, ended))
      return survivors.length > 0 ? survivors : unprovenOf(this.record)
    })
  }

  /**
   * Removes the record, the output in files, and the socket and log that the supervisor left; no search finds the task afterwards.
   *
   * @throws PoolDirError if another directory has taken the pool's place, PermissionError if another record has taken the record's.
   */
  async remove(): Promise<void> {
    await this.#remove()
  }
}

/** Whether anything of the task of a dead supervisor may still run, be it only what its child left behind. */
export function mayHaveOrphans(record: TaskRecord): boolean {
  return (isOfThisBoot(record) && !canReadProcesses()) || runsOn(record, treeOf(record))
}

/**
 * The tree is searched whatever the record says: a supervisor that was killed before it could record a start, or that could
 * not for want of space, leaves an outdated one, and what a child leaves behind is named in none.
 */
function runsOn(record: TaskRecord, tree: TaskTree): boolean {
  if (namedProcesses(record).some((process) => mayRun(record, process))) return true
  // Pids of another namespace mean nothing here, but its processes may be seen.
  return isOfThisBoot(record) && tree.find(undefined, processTable()).length > 0
}

/** @param owner uid of whose processes may be signalled; missing for a search. */
function treeOf(record: TaskRecord, owner?: number): TaskTree {
  const { child, info, supervisor } = record
  // Numbers of another boot or pid namespace may be anybody's, and start times of another clock prove nothing.
  const isProven = isHere(supervisor) && hasSameClock(supervisor)
  const selector: TreeSelector = {
    since: hasSameClock(supervisor) ? supervisor.startTime : null,
    cookie: info.taskId,
    roots: isProven && child !== null ? [child] : [],
    pipes: pipesOf(record),
    owner,
    exclude: [process.pid],
  }
  return new TaskTree(() => selector, isProven ? survivorsOf(record) : [])
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
function namedProcesses(record: TaskRecord): NamedProcess[] {
  return [...(record.child === null ? [] : [record.child]), ...survivorsOf(record)]
}

function survivorsOf({ info }: TaskRecord): readonly Survivor[] {
  return info.exitStatus?.survivors ?? []
}

/** What the record names and may run though it was not found, since nothing proves here that it is still the same process. */
function unprovenOf(record: TaskRecord): Survivor[] {
  return namedProcesses(record)
    .filter((process) => mayRun(record, process))
    .map(({ pid, startTime, command = '' }) => ({ pid, startTime: startTime ?? 0, command }))
}

/**
 * A task's processes lived where its supervisor did: same machine, boot and pid namespace. One that has the pid and cannot
 * be seen, or whose start time cannot be compared, may be the same.
 */
function mayRun({ supervisor }: TaskRecord, { pid, startTime }: NamedProcess): boolean {
  return isHere(supervisor) && liveness({ ...supervisor, pid, startTime }) !== 'dead'
}
