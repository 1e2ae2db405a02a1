import type { EventEmitter } from 'node:events'
import { debug } from './debug.js'
import { eventPayload, isTaskEvent } from './events.js'
import type { TaskEndpoint } from './task-endpoint.js'

/** Subscribes to a task's events once the task has a listener for one, and again after each new connection. */
export class EventSubscription {
  readonly #task: EventEmitter
  readonly #endpoint: () => TaskEndpoint
  #isWanted = false

  constructor(task: EventEmitter, endpoint: () => TaskEndpoint) {
    this.#task = task
    this.#endpoint = endpoint
    task.on('newListener', (name) => this.#listenedTo(name))
  }

  /** Sent immediately, so that events arrive once any later call has been answered. */
  subscribe(): void {
    if (!this.#isWanted) return
    this.#endpoint()
      .call('subscribe')
      .catch((error) => this.#fail(error))
  }

  /** Emits an event that the supervisor sent. */
  announce(name: string, received: unknown): void {
    if (!isTaskEvent(name)) return
    const payload = eventPayload(name, received)
    if (payload === undefined) debug(() => `received an invalid ${name}`)
    else this.#task.emit(name, payload)
  }

  #listenedTo(name: unknown): void {
    if (this.#isWanted || !isTaskEvent(name)) return
    this.#isWanted = true
    const endpoint = this.#endpoint()
    if (endpoint.isOpen) this.subscribe()
    else endpoint.open().catch((error) => this.#fail(error))
  }

  /** Events are hints: without a listener, a failed subscription must not end the program. */
  #fail(error: unknown): void {
    if (this.#task.listenerCount('error') > 0) this.#task.emit('error', error)
  }
}
