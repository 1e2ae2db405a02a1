import {
  type LaunchSpec,
  PROTOCOL_VERSION,
  processIdentity,
  type RecordedInfo,
  type TaskInfo,
  type TaskRecord,
} from '@bgtask/protocol'
import type { Supervisor } from './supervisor.js'

/** A command line may be megabytes long; info and record, which are bounded, show its beginning. */
const MAX_COMMAND_CHARACTERS = 16 * 1024

/** Makes the public info, the record's part of it, and the record, out of what the supervisor knows. */
export class InfoMaker {
  readonly #supervisor: Supervisor
  readonly #fixed: Pick<
    RecordedInfo,
    | 'taskId'
    | 'supervisorPid'
    | 'command'
    | 'cwd'
    | 'behavior'
    | 'lockfile'
    | 'restart'
    | 'createdAt'
    | 'protocol'
    | 'software'
  >
  readonly #extra: () => object
  readonly #identity = processIdentity()

  /** @param extra further keys of a custom supervisor. */
  constructor(supervisor: Supervisor, software: string, extra: () => object) {
    const { spec } = supervisor
    this.#supervisor = supervisor
    this.#extra = extra
    this.#fixed = {
      taskId: spec.taskId,
      supervisorPid: process.pid,
      command: shortened(spec.exec),
      cwd: spec.cwd,
      behavior: spec.behavior,
      lockfile: spec.lockfile,
      restart: spec.restart,
      createdAt: Date.now(),
      protocol: PROTOCOL_VERSION,
      software,
    }
  }

  info(clientCount: number): TaskInfo {
    this.#supervisor.state()
    const { stdin, stdout, stderr } = this.#supervisor.streams
    return {
      ...this.recordedInfo(),
      clientCount,
      streams: { 0: stdin.info(), 1: stdout.info(), 2: stderr.info() },
    }
  }

  recordedInfo(): RecordedInfo {
    const { facts, current } = this.#supervisor
    // What the contract names stands last: it cannot be replaced.
    return { ...this.#extra(), ...this.#fixed, ...facts, pid: current?.pid ?? null }
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
