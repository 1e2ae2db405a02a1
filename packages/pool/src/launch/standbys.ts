import { isDeepStrictEqual } from 'node:util'
import { STANDBY_VARIABLE } from '@bgtask/protocol'
import { debug } from '../debug.js'
import { type SupervisorPlan, SupervisorProcess, supervisorEnvironment } from './supervisor-process.js'

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

  /** Starts as many as are missing, when this process has nothing else to do; those that do not fit the plan make room. */
  refill(makePlan: () => SupervisorPlan): void {
    if (this.#count === 0) return
    setImmediate(() => {
      if (this.#closed) return
      try {
        this.#fill(makePlan())
      } catch (error) {
        debug(() => `no standby: ${error}`)
        // Standbys are an optimization: the next spawn starts cold, and tells what is wrong.
      }
    }).unref()
  }

  /** Lets all go, for good. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#waiting.splice(0).map(({ process }) => process.abandon()))
  }

  #fill(plan: SupervisorPlan): void {
    const fitting = this.#waiting.filter(fitsTo(plan))
    for (const { process } of this.#waiting.filter((standby) => !fitting.includes(standby))) void process.abandon()
    this.#waiting = fitting
    while (this.#waiting.length < this.#count) {
      const process = new SupervisorProcess(plan, { [STANDBY_VARIABLE]: '1' })
      process.setRef(false)
      this.#waiting.push({ key: keyOf(plan), process })
    }
  }
}

function fitsTo(plan: SupervisorPlan): (standby: Standby) => boolean {
  const key = keyOf(plan)
  return (standby) => !standby.process.isSpent && isDeepStrictEqual(standby.key, key)
}

/** All that a supervisor inherits when it starts and a spec does not carry. */
function keyOf(plan: SupervisorPlan): object {
  return { cmd: plan.cmd, behavior: plan.behavior, env: supervisorEnvironment(plan), cwd: workingDirectory() }
}

/** Undefined where it was removed. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}
