import { getPriority } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { STANDBY_VARIABLE } from '@bgtask/os'
import { debug } from '../debug.js'
import { type SupervisorPlan, SupervisorProcess, supervisorEnvironment } from './supervisor-process.js'

/**
 * How long after a spawn (ms) others are started: a start blocks this process for some milliseconds, and the caller goes on
 * first with what it wanted the task for.
 */
const REFILL_AFTER_MS = 20

interface Standby {
  /** What it was started with. */
  readonly key: object
  readonly process: SupervisorProcess
}

/**
 * Supervisors that were started early and wait for a spec, so that a spawn need not wait for a process to boot.
 * They hold nothing, and end when this process does, however it does, since their stdin ends with it.
 */
export class Standbys {
  readonly #count: number
  #waiting: Standby[] = []
  #refill: NodeJS.Timeout | undefined
  #closed = false

  constructor(count: number) {
    this.#count = count
  }

  /** One that was started exactly as the plan says; undefined where none waits. */
  async take(plan: SupervisorPlan): Promise<SupervisorProcess | undefined> {
    if (this.#waiting.length === 0) return undefined
    // One that has died meanwhile is told of only when this process looks at its events.
    await new Promise(setImmediate)
    const taken = this.#waiting.find(fitsTo(plan))
    if (taken === undefined) return undefined
    this.#waiting.splice(this.#waiting.indexOf(taken), 1)
    taken.process.setRef(true)
    return taken.process
  }

  /** Starts as many as are missing, one in each turn of the event loop; those that do not fit the plan make room. */
  refill(makePlan: () => SupervisorPlan, afterMs = REFILL_AFTER_MS): void {
    if (this.#count === 0 || this.#closed) return
    this.#refill ??= setTimeout(() => {
      this.#refill = undefined
      try {
        if (this.#startOne(makePlan())) this.refill(makePlan, 0)
      } catch (error) {
        debug(() => `no standby: ${error}`)
        // Standbys are an optimization: the next spawn starts cold, and tells what is wrong.
      }
    }, afterMs).unref()
  }

  /** Lets all go, for good. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#refill)
    await Promise.all(this.#waiting.splice(0).map(({ process }) => process.abandon()))
  }

  /** Returns false where none is missing. */
  #startOne(plan: SupervisorPlan): boolean {
    const fitting = this.#waiting.filter(fitsTo(plan))
    for (const { process } of this.#waiting.filter((standby) => !fitting.includes(standby))) void process.abandon()
    this.#waiting = fitting
    if (fitting.length >= this.#count) return false
    const process = new SupervisorProcess(plan, { [STANDBY_VARIABLE]: '1' })
    process.setRef(false)
    this.#waiting.push({ key: keyOf(plan), process })
    return true
  }
}

function fitsTo(plan: SupervisorPlan): (standby: Standby) => boolean {
  const key = keyOf(plan)
  return (standby) => !standby.process.isSpent && isDeepStrictEqual(standby.key, key)
}

/** All that a supervisor inherits when it starts and a spec does not carry. */
function keyOf(plan: SupervisorPlan): object {
  const { cmd, behavior } = plan
  const ids = [process.geteuid?.(), process.getuid?.(), process.getegid?.(), process.getgid?.(), process.getgroups?.()]
  return { cmd, behavior, env: supervisorEnvironment(plan), cwd: workingDirectory(), ids, niceness: getPriority() }
}

/** Undefined where it was removed. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}
