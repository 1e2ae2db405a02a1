import type { ConsoleEvent, View } from '../../shared/messages.js'
import { type Api, ApiError } from './api.js'
import { SseParser } from './sse-parser.js'

/** What a page shows. */
export interface Target {
  /** The task list, not only the selected task. */
  readonly list: boolean
  readonly task?: string
  readonly view?: View
  /** Returns where the output begins or continues. Called for each attempt, so that a reconnect neither loses nor repeats bytes. */
  readonly position?: () => string | undefined
}

/** `refused`: a retry makes no sense. */
export type ConnectionState = 'connecting' | 'live' | 'waiting' | 'refused'

export interface ConnectionObserver {
  /** The next event is read after this has resolved. */
  received(event: ConsoleEvent): void | Promise<void>
  changed(state: ConnectionState, message?: string): void
}

/** Delay between attempts (ms): short at first, then doubled up to the maximum. */
const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 5_000

/** The server sends something every 15 s; a connection that is silent for this long (ms) is dead. */
const SILENCE_TIMEOUT_MS = 40_000

/** The event stream of a page; reconnects until it is closed. */
export class Connection {
  readonly #api: Api
  readonly #observer: ConnectionObserver
  #target: Target | undefined
  #current: AbortController | undefined

  constructor(api: Api, observer: ConnectionObserver) {
    this.#api = api
    this.#observer = observer
  }

  /** Opens a stream for a target, instead of the current one. */
  open(target: Target): void {
    this.#current?.abort()
    this.#current = new AbortController()
    this.#target = target
    void this.#run(target, this.#current.signal)
  }

  /** Closes the stream; `resume` opens it again. */
  close(): void {
    this.#current?.abort()
    this.#current = undefined
  }

  resume(): void {
    if (this.#current === undefined && this.#target !== undefined) this.open(this.#target)
  }

  async #run(target: Target, signal: AbortSignal): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)) {
      const attempt = new Attempt(signal)
      const began = performance.now()
      try {
        this.#observer.changed('connecting')
        const response = await this.#api.events(query(target), target.position?.(), attempt.signal)
        if (signal.aborted) return
        this.#observer.changed('live')
        for await (const event of attempt.read(response)) {
          await this.#observer.received(event)
          if (signal.aborted) return
        }
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof ApiError && error.status < 500) return this.#observer.changed('refused', error.message)
        this.#observer.changed('waiting', error instanceof ApiError ? error.message : undefined)
      } finally {
        attempt.end()
      }
      // Do not retry fast if the server accepts a connection and drops it at once.
      if (performance.now() - began > MAX_RETRY_MS) retryMs = FIRST_RETRY_MS
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

function query({ list, task, view }: Target): Record<string, string> {
  if (task === undefined) return {}
  return { task, view: view ?? 'merged', ...(list && { list: '1' }) }
}

/** One attempt: a request and its response, aborted by silence. */
class Attempt {
  readonly #controller = new AbortController()
  #timeout = 0

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#controller.abort(), { signal: this.#controller.signal })
    this.#resetTimeout()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  async *read(response: Response): AsyncGenerator<ConsoleEvent> {
    const parser = new SseParser()
    const decoder = new TextDecoder()
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      this.#resetTimeout()
      for (const { event, data, id } of parser.push(decoder.decode(value, { stream: true }))) {
        yield { event, data: JSON.parse(data), id } as ConsoleEvent
        // The time that the reader took does not count as silence.
        this.#resetTimeout()
      }
    }
  }

  end(): void {
    clearTimeout(this.#timeout)
    this.#controller.abort()
  }

  #resetTimeout(): void {
    clearTimeout(this.#timeout)
    this.#timeout = window.setTimeout(() => this.#controller.abort(), SILENCE_TIMEOUT_MS)
  }
}
