import { ProtocolError, type StopResult } from '@bgtask/protocol'
import { type WaitOptions, withDeadline } from '@bgtask/protocol/rpc'
import { PollPace, pollMs } from './long-poll.js'
import type { PatientTaskCalls } from './task-calls.js'
import type { StopOptions, WaitExitOptions, WaitedExit } from './task-options.js'

/** How a task's runs end: polls for it, and keeps the last exit of a task whose supervisor this process has ended. */
export class TaskExit {
  readonly #calls: PatientTaskCalls
  /** How the task's work ended, if `terminate` has ended its supervisor. */
  #final: WaitedExit | undefined

  constructor(calls: PatientTaskCalls) {
    this.#calls = calls
  }

  /** @param what names the wait in a TimeoutError. */
  async wait({ run, ...wait }: WaitExitOptions, what: string): Promise<WaitedExit> {
    if (this.#final !== undefined && (run ?? 1) <= this.#final.run) return this.#final
    const waitMs = pollMs(wait.timeoutMs)
    const pace = new PollPace('waitExit')
    return withDeadline(wait, what, async (signal) => {
      for (;;) {
        const polled = performance.now()
        const result = await this.#calls.call('waitExit', { run, waitMs }, { signal })
        if (!result.done) pace.cameBackEmpty(polled, waitMs)
        else if (result.exitStatus !== null) return { ...result.exitStatus, run: result.run }
        else throw new ProtocolError('waitExit reported an end without an exit status')
      }
    })
  }

  /** Requests the exit as well: once the supervisor has ended, it can no longer be asked for the number of the run. */
  async terminate(steps: StopOptions['steps'], options: WaitOptions & { signal: AbortSignal }): Promise<StopResult> {
    const failed = new AbortController()
    const exit = this.wait({ signal: AbortSignal.any([options.signal, failed.signal]) }, '').catch(() => undefined)
    try {
      const result = await this.#calls.callPatiently('terminate', { steps: steps as never }, options)
      const run = (await exit)?.run
      if (run !== undefined && result.exitStatus !== null) this.#final = { ...result.exitStatus, run }
      return result
    } finally {
      failed.abort()
    }
  }
}
