/** A call that waits for its response. */
export interface PendingCall {
  readonly resolve: (result: unknown) => void
  readonly reject: (reason: unknown) => void
  /** Disarms its deadline. */
  readonly disarm: (() => void) | undefined
}

/** The calls in flight on a connection, by id. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>()
  #lastId = -1

  /** The id for the next call; not in flight. */
  nextId(): number {
    this.#lastId = nextCallId(this.#lastId, this.#calls)
    return this.#lastId
  }

  add(id: number, call: PendingCall): void {
    this.#calls.set(id, call)
  }

  /** Takes a call out, for whoever settles it; undefined where that was done already. */
  take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id)
    if (call === undefined) return undefined
    this.#calls.delete(id)
    call.disarm?.()
    return call
  }

  ids(): number[] {
    return [...this.#calls.keys()]
  }
}

/** Ids are uint32 and wrap; one that is still in flight 2^32 calls later is passed over. */
export function nextCallId(last: number, inFlight: { has(id: number): boolean }): number {
  const id = (last + 1) >>> 0
  return inFlight.has(id) ? nextCallId(id, inFlight) : id
}
