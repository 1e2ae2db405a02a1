import { processIdentity } from '@bgtask/os'
import { type LaunchSpec, PROTOCOL_VERSION, type RecordedInfo, type TaskInfo, type TaskRecord } from '@bgtask/protocol'
import { EncodedResult } from '@bgtask/protocol/rpc'
import { FEATURES } from './features.js'
import type { Supervisor } from './supervisor.js'

/** A command line may be megabytes long; info and record, which are bounded, show its beginning. */
const MAX_COMMAND_CHARACTERS = 16 * 1024

/** Builds the public info, the record's part of it, and the record from the supervisor's state. */
export class TaskInfoBuilder {
  readonly #supervisor: Supervisor
  readonly #fixed: ReturnType<typeof fixedKeys>
  readonly #extra: () => object
  readonly #identity = processIdentity()
  /** The info that was sent last, and the parts of which it was made. */
  #encoded: { readonly parts: readonly object[]; readonly info: EncodedResult<TaskInfo> } | undefined

  /** @param extra further keys of a custom supervisor. */
  constructor(supervisor: Supervisor, software: string, extra: () => object) {
    this.#supervisor = supervisor
    this.#extra = extra
    this.#fixed = fixedKeys(supervisor.spec, software)
  }

  /** The info for a client: encoded once for all clients until it changes, so that frequent calls cost little. */
  info(clientCount: number): TaskInfo | EncodedResult<TaskInfo> {
    this.#supervisor.state()
    // Keys of a custom supervisor may change without notice.
    if (Object.keys(this.#extra()).length > 0) return this.#buildInfo(clientCount)
    const parts = this.#changingParts(clientCount)
    if (this.#encoded === undefined || !areSame(parts, this.#encoded.parts)) {
      this.#encoded = {
        parts: parts.map((part) => ({ ...part })),
        info: new EncodedResult(this.#buildInfo(clientCount)),
      }
    }
    return this.#encoded.info
  }

  #buildInfo(clientCount: number): TaskInfo {
    const { stdin, stdout, stderr } = this.#supervisor.streams
    return {
      ...this.recordedInfo(),
      clientCount,
      streams: { 0: stdin.info(), 1: stdout.info(), 2: stderr.info() },
    }
  }

  /** The parts of the info that may change. */
  #changingParts(clientCount: number): readonly object[] {
    const { facts, current, streams } = this.#supervisor
    const { stdin, stdout, stderr } = streams
    return [facts, { pid: current?.pid, clientCount }, stdin.info(), stdout.info(), stderr.info()]
  }

  recordedInfo(): RecordedInfo {
    const { facts, current } = this.#supervisor
    // Keys of the contract stand last, so they cannot be replaced.
    return { ...this.#extra(), ...this.#fixed, ...facts, pid: current?.pid ?? null }
  }

  /** The record of a supervisor that leaves: with everything that can still be asked about the task. */
  retiredRecord(): TaskRecord {
    const record = this.record()
    const { stdin, stdout, stderr } = this.#supervisor.streams
    return { ...record, info: { ...record.info, streams: { 0: stdin.info(), 1: stdout.info(), 2: stderr.info() } } }
  }

  record(): TaskRecord {
    const { current, pipes } = this.#supervisor
    return {
      v: PROTOCOL_VERSION,
      supervisor: this.#identity,
      child: current === undefined ? null : { pid: current.pid, startTime: current.startTime },
      pipes: [...pipes],
      uid: process.getuid?.() ?? 0,
      info: this.recordedInfo(),
    }
  }
}

/** What never changes. */
function fixedKeys(
  { taskId, exec, cwd, behavior, lockfile, restart, spool, lingerMs, resume }: LaunchSpec,
  software: string,
) {
  return {
    taskId,
    supervisorPid: process.pid,
    command: shortened(exec),
    cwd,
    behavior,
    lockfile,
    restart,
    spool,
    lingerMs,
    createdAt: resume?.createdAt ?? Date.now(),
    protocol: PROTOCOL_VERSION,
    software,
    features: [...FEATURES],
  }
}

/** Whether the parts have the same values, each by each; what is an object among those must be the same one. */
function areSame(parts: readonly object[], others: readonly object[]): boolean {
  return parts.every((part, index) => haveSameValues(part, others[index]))
}

function haveSameValues<T extends object>(a: T, b: T | undefined): boolean {
  for (const key in a) if (a[key] !== b?.[key]) return false
  return true
}

function shortened(command: LaunchSpec['exec']): string[] {
  const shown: string[] = []
  let left = MAX_COMMAND_CHARACTERS
  for (const argument of command) {
    if (left <= 0) return [...shown, '…']
    shown.push(argument.length > left ? `${argument.slice(0, left)}…` : argument)
    left -= argument.length + 1
  }
  return shown
}
