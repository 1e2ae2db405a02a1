import { isDeepStrictEqual } from 'node:util'
import { type SupervisorPlan, SupervisorProcess, supervisorEnvironment } from './supervisor-process.js'

/**
 * Supervisors that were started early and wait for a spec, so that a spawn need not wait for a process to boot.
 * They hold nothing, and end when this process does, however it does, since their stdin ends with it.
 */
export class Standbys {
  readonly #count: number
  #waiting: { readonly key: object; readonly process: SupervisorProcess }[] = []
  #closed = false

  constructor(count: number) {
    this.#count = count
  }

  /** One that was started exactly as the plan says; undefined where none waits. */
  async take(plan: SupervisorPlan): Promise<SupervisorProcess | undefined> {
    if (this.#waiting.length === 0) return undefined
    // One that has died meanwhile is told of only when this process looks at its events.
    await new Promise(setImmediate)
    const key = keyOf(plan)
    const index = this.#waiting.findIndex((standby) => !standby.process.isSpent && isDeepStrictEqual(standby.key, key))
    const [taken] = index === -1 ? [] : this.#waiting.splice(index, 1)
    taken?.process.setRef(true)
    return taken?.process
  }

  /** Starts as many as are missing, when this process has nothing else to do; those that do not fit the plan make room. */
  refill(makePlan: () => SupervisorPlan): void {
    if (this.#count === 0) return
    setImmediate(() => {
      if (this.#closed) return
      try {
        this.#fill(makePlan())
      } catch {
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
    const key = keyOf(plan)
    const fits = (standby: { key: object; process: SupervisorProcess }) =>
      !standby.process.isSpent && isDeepStrictEqual(standby.key, key)
    for (const { process } of this.#waiting.filter((standby) => !fits(standby))) void process.abandon()
    this.#waiting = this.#waiting.filter(fits)
    while (this.#waiting.length < this.#count) {
      const process = new SupervisorProcess(plan)
      process.setRef(false)
      this.#waiting.push({ key, process })
    }
  }
}

/** All that a supervisor inherits when it starts and a spec does not carry. */
function keyOf(plan: SupervisorPlan): object {
  return { cmd: plan.cmd, behavior: plan.behavior, env: supervisorEnvironment(plan), cwd: process.cwd() }
}
