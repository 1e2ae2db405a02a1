import type { LiveState } from '@bgtask/protocol'
import type { EventHub } from '../events.js'
import type { Facts } from '../facts.js'
import type { Log } from '../log.js'
import { type LifecycleEvent, nextState } from './table.js'

/** How soon a record that could not be written is tried again. */
const RECORD_RETRY_MS = 5_000

/** Moves the task from state to state, and puts its facts on record before it emits a state. */
export class StateKeeper {
  readonly #facts: Facts
  readonly #events: EventHub
  readonly #log: Log
  readonly #record: () => void
  /** The state that subscribers know. */
  #emitted: LiveState = 'starting'
  #retry: NodeJS.Timeout | undefined

  /** @param record writes the present facts to the task's record; throws if that fails. */
  constructor(facts: Facts, events: EventHub, log: Log, record: () => void) {
    this.#facts = facts
    this.#events = events
    this.#log = log
    this.#record = record
  }

  /** Changes the state as the table says. */
  become(event: LifecycleEvent): void {
    const { state } = this.#facts
    const next = nextState(state, event)
    if (next === undefined) throw new Error(`${event} cannot happen in state ${state}`)
    this.#facts.state = next
  }

  /** Records the facts, then emits the state: a subscriber that gets it finds it in the directory. Returns whether it was recorded. */
  commit(): boolean {
    const recorded = this.#recordOrRetry()
    const { state, run } = this.#facts
    if (state !== this.#emitted) {
      this.#emitted = state
      // The run that is being started is counted once its child runs.
      this.#events.emit('stateChange', { state, run: state === 'starting' ? run + 1 : run })
    }
    return recorded
  }

  #recordOrRetry(): boolean {
    clearTimeout(this.#retry)
    try {
      this.#record()
      return true
    } catch (error) {
      this.#log.write(`cannot write the record: ${String(error)}`)
      // A full disk may have room later; the directory must be right then.
      this.#retry = setTimeout(() => this.#recordOrRetry(), RECORD_RETRY_MS)
      return false
    }
  }
}
