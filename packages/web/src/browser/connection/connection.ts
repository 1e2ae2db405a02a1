import type { ConsoleEvent, View } from '../../shared/messages.js'
import { type Api, ApiError } from './api.js'
import { SseParser } from './sse-parser.js'

/** What a page looks at. */
export interface Target {
  /** The whole list, not only the opened task. */
  readonly list: boolean
  readonly task?: string
  readonly view?: View
  /** Where the opened task's output begins or goes on; asked at each attempt, so nothing is lost or doubled over a cut. */
  readonly position?: () => string | undefined
}

/** `refused`: it makes no sense to try again. */
export type ConnectionState = 'connecting' | 'live' | 'waiting' | 'refused'

export interface ConnectionObserver {
  /** The next event is read when this has resolved. */
  received(event: ConsoleEvent): void | Promise<void>
  changed(state: ConnectionState, message?: string): void
}

/** Waits between attempts (ms): at once after a cut, then with patience. */
const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 5_000

/** The server sends something every 15 s; a connection that is silent for longer (ms) is dead. */
const SILENCE_MS = 40_000

/** The one stream of a page: kept up over cuts until it is closed. */
export class Connection {
  readonly #api: Api
  readonly #observer: ConnectionObserver
  #target: Target | undefined
  #current: AbortController | undefined

  constructor(api: Api, observer: ConnectionObserver) {
    this.#api = api
    this.#observer = observer
  }

  /** Looks at something else, or at the same anew. */
  open(target: Target): void {
    this.#current?.abort()
    this.#current = new AbortController()
    this.#target = target
    void this.#run(target, this.#current.signal)
  }

  /** Lets go, for `resume` to go on. */
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
      // A server that takes a page in and drops it at once is not asked as fast as that.
      if (performance.now() - began > MAX_RETRY_MS) retryMs = FIRST_RETRY_MS
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

function query({ list, task, view }: Target): Record<string, string> {
  if (task === undefined) return {}
  return { task, view: view ?? 'merged', ...(list && { list: '1' }) }
}

/** One response. Silence ends it. */
class Attempt {
  readonly #controller = new AbortController()
  #silence = 0

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#controller.abort(), { signal: this.#controller.signal })
    this.#heard()
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
      this.#heard()
      for (const { event, data, id } of parser.push(decoder.decode(value, { stream: true }))) {
        yield { event, data: JSON.parse(data), id } as ConsoleEvent
        // A reader may take its time.
        this.#heard()
      }
    }
  }

  end(): void {
    clearTimeout(this.#silence)
    this.#controller.abort()
  }

  #heard(): void {
    clearTimeout(this.#silence)
    this.#silence = window.setTimeout(() => this.#controller.abort(), SILENCE_MS)
  }
}
