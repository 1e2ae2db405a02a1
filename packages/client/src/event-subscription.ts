import type { EventEmitter } from 'node:events'
import { debug } from './debug.js'
import { eventPayload, isTaskEvent } from './events.js'
import type { SupervisorConnection } from './supervisor-connection.js'

/** Subscribes to a task's events once the task has a listener for one, and again after each new connection. */
export class EventSubscription {
  readonly #task: EventEmitter
  readonly #connection: () => SupervisorConnection
  #isWanted = false

  constructor(task: EventEmitter, connection: () => SupervisorConnection) {
    this.#task = task
    this.#connection = connection
    task.on('newListener', (name) => this.#listenedTo(name))
  }

  /** Sent immediately, so that events arrive once any later call has been answered. */
  subscribe(): void {
    if (!this.#isWanted) return
    this.#connection()
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
    const connection = this.#connection()
    if (connection.isOpen) this.subscribe()
    else connection.open().catch((error) => this.#fail(error))
  }

  /** Events are hints: without a listener, a failed subscription must not end the program. */
  #fail(error: unknown): void {
    if (this.#task.listenerCount('error') > 0) this.#task.emit('error', error)
  }
}
