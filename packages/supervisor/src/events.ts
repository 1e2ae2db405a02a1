import type { EventName, EventPayload } from '@bgtask/protocol'

/** Gets each event of the task. */
export type EventListener = <E extends EventName>(name: E, payload: EventPayload<E>) => void

/** Emits events to the present listeners. */
export class EventHub {
  readonly #listeners = new Set<EventListener>()

  /** Returns how to stop listening. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit<E extends EventName>(name: E, payload: EventPayload<E>): void {
    for (const listener of this.#listeners) listener(name, payload)
  }
}
