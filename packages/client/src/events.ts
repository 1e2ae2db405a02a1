import { type EventName, type EventPayload, eventSchemas, validate } from '@bgtask/protocol'

/**
 * What a Task emits. They are hints that spare polling; the truth is in `info()`, `wait()` and the streams.
 * `missed` tells that events were dropped because this side did not read them.
 */
export type TaskEvents = { [E in EventName]: [payload: EventPayload<E>] } & {
  /** The connection broke or the supervisor ended it. Events come again once another call has connected anew. */
  disconnect: []
  /** Events could not be subscribed to. Only emitted where somebody listens. */
  error: [error: unknown]
}

export function isTaskEvent(name: unknown): name is EventName {
  return typeof name === 'string' && Object.hasOwn(eventSchemas, name)
}

/** The payload of an event as the contract has it; undefined for what is none, since a supervisor may send anything. */
export function eventPayload<E extends EventName>(name: E, payload: unknown): EventPayload<E> | undefined {
  return validate(eventSchemas[name], payload).value as EventPayload<E> | undefined
}
