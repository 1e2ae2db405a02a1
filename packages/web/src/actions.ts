import type { KillSignal, Task } from '@bgtask/client'
import {
  InvalidOptionError,
  isPlainObject,
  type JsonObject,
  type StopResult,
  TaskGoneError,
  validate,
} from '@bgtask/protocol'
import * as v from 'valibot'
import type { ActionBodies, ActionResults, WriteAction } from './shared/messages.js'
import type { FoundTask } from './tasks/find.js'

/** How long (ms) a write to stdin waits for space in the supervisor's queue. */
const STDIN_TIMEOUT_MS = 2_000

const emptyBody = v.object({})
const bodySchemas: { [A in WriteAction]: v.GenericSchema<unknown, ActionBodies[A]> } = {
  stdin: v.object({ data: v.optional(v.string()), eof: v.optional(v.boolean()) }),
  signal: v.object({ signal: v.string(), tree: v.optional(v.boolean()) }),
  pause: emptyBody,
  resume: emptyBody,
  restart: emptyBody,
  stop: emptyBody,
  terminate: emptyBody,
  // valibot's record would drop the key `constructor`.
  meta: v.object({ patch: v.custom<JsonObject>(isPlainObject, 'must be an object') }),
}

/**
 * Performs an action for a page.
 *
 * @throws InvalidOptionError for an invalid body, TaskGoneError if the action needs a supervisor and only a record is left,
 * and errors of the task's methods.
 */
export async function act<A extends WriteAction>(
  { task, lost, info }: FoundTask,
  action: A,
  body: unknown,
): Promise<ActionResults[A]> {
  const { value, invalid } = validate(bodySchemas[action], body)
  if (invalid !== undefined) throw new InvalidOptionError(invalid.path || 'body', invalid.got, invalid.problem)
  if (task !== undefined) return liveActions[action](task, value as ActionBodies[A])
  if (action === 'stop' || action === 'terminate') {
    const result: StopResult = { exitStatus: info.exitStatus, survivors: await lost.stop() }
    if (action === 'terminate' && result.survivors.length === 0) await lost.remove()
    return result as ActionResults[A]
  }
  throw new TaskGoneError(lost.pid)
}

const liveActions: { [A in WriteAction]: (task: Task, body: ActionBodies[A]) => Promise<ActionResults[A]> } = {
  async stdin(task, { data, eof }) {
    const acceptedOffset =
      data === undefined ? undefined : await task.stdin.write(data, { timeoutMs: STDIN_TIMEOUT_MS })
    if (eof) await task.stdin.close({ timeoutMs: STDIN_TIMEOUT_MS })
    return { acceptedOffset }
  },
  signal: async (task, { signal, tree }) => ({ delivered: await task.kill(signal as KillSignal, { tree }) }),
  pause: async (task) => ({ delivered: await task.pause() }),
  resume: async (task) => ({ delivered: await task.resume() }),
  restart: async (task) => ({ restarted: await task.restart() }),
  stop: (task) => task.stop(),
  terminate: (task) => task.terminateSupervisor(),
  meta: async (task, { patch }) => ({ meta: await task.applyMeta(patch) }),
}
