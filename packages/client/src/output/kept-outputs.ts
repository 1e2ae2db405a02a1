import { type MethodName, type MethodParams, type MethodResult, TaskGoneError } from '@bgtask/protocol'
import { KeptOutput } from '../spool/kept-output.js'
import type { SpoolPlace } from '../spool/spool-place.js'
import type { TaskCalls } from '../task-calls.js'
import { MergedOutput } from './merged-output.js'
import { TaskOutput } from './task-output.js'

/** Outputs of a task whose supervisor is dead, from the files that it left. Discarding has no effect. */
export function keptOutputs(
  taskId: string,
  place: SpoolPlace,
): { stdout: TaskOutput; stderr: TaskOutput; output: MergedOutput } {
  const calls = new KeptCalls(taskId, new KeptOutput(place))
  const placeOf = () => place
  return {
    stdout: new TaskOutput(calls, 1, placeOf),
    stderr: new TaskOutput(calls, 2, placeOf),
    output: new MergedOutput(calls, placeOf),
  }
}

class KeptCalls implements TaskCalls {
  readonly #taskId: string
  readonly #output: KeptOutput

  constructor(taskId: string, output: KeptOutput) {
    this.#taskId = taskId
    this.#output = output
  }

  async call<M extends MethodName>(method: M, params?: MethodParams<M>): Promise<MethodResult<M>> {
    const result = await this.#output.answer(method, params)
    if (result !== undefined) return result
    const message = `the supervisor of task ${this.#taskId} is dead: ${method} is not possible`
    throw new TaskGoneError(undefined, { taskId: this.#taskId, message })
  }
}
