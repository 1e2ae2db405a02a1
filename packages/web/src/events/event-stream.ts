import type { ConsoleEvent } from '../shared/messages.js'
import type { ListFeed } from './list-feed.js'
import type { OutputEvent } from './output-events.js'

/** Maximum silence (ms): after it, a comment shows both ends and any proxy that the connection is alive. */
const KEEP_ALIVE_MS = 15_000

/** A stream ends after this long (ms): the page reconnects at once without loss, and is authorized again. */
const MAX_STREAM_MS = 10 * 60_000

export interface EventSources {
  /** Sent first. */
  readonly first: readonly ConsoleEvent[]
  readonly list: ListFeed
  /** Output of the selected task. */
  readonly output?: AsyncIterator<OutputEvent, void>
  /** Ends the stream. */
  readonly signal: AbortSignal
  /** Called once, when the reader disconnects or the stream ends. */
  readonly closed: () => void
  /** Called with an unexpected error, which ends the stream. */
  readonly failed: (error: unknown) => void
}

/**
 * Server-sent events for one page. Fetches at most one event ahead of the reader: each pull takes the next one of the list
 * or the output, so a slow reader slows only itself.
 */
export function eventStream(sources: EventSources): ReadableStream<Uint8Array> {
  const events = new Events(sources)
  const encoder = new TextEncoder()
  let isCancelled = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const event = await events.next()
        if (isCancelled) return
        if (event === 'end') controller.close()
        else controller.enqueue(encoder.encode(event === 'keep-alive' ? ':\n\n' : frame(event)))
      },
      cancel() {
        isCancelled = true
        events.close()
      },
    },
    // Pull only when the reader asks.
    { highWaterMark: 0 },
  )
}

class Events {
  readonly #sources: EventSources
  readonly #first: ConsoleEvent[]
  /** The next output event, once fetched. */
  #output: OutputEvent | undefined
  #isClosed = false
  /** Whether a source has reported a change since the last poll. */
  #hasNews = false
  #wake = () => {}

  constructor(sources: EventSources) {
    this.#sources = sources
    this.#first = [...sources.first]
    sources.list.onChange = () => this.#notify()
    this.#fetchOutput()
    // Release resources even if the stream is never read.
    const ended = AbortSignal.any([sources.signal, AbortSignal.timeout(MAX_STREAM_MS)])
    if (ended.aborted) this.close()
    else ended.addEventListener('abort', () => this.close(), { once: true })
  }

  async next(): Promise<ConsoleEvent | 'keep-alive' | 'end'> {
    try {
      for (let isLate = false; ; isLate = await this.#isLate()) {
        this.#hasNews = false
        const event = this.#first.shift() ?? (await this.#sources.list.take()) ?? this.#takeOutput()
        if (this.#isClosed) return 'end'
        if (event !== undefined) return event
        if (isLate) return 'keep-alive'
      }
    } catch (error) {
      this.close()
      this.#sources.failed(error)
      return 'end'
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { list, output, closed } = this.#sources
    list.close()
    closed()
    output?.return?.().catch(() => {})
    this.#notify()
  }

  #takeOutput(): OutputEvent | undefined {
    const event = this.#output
    this.#output = undefined
    if (event !== undefined) this.#fetchOutput()
    return event
  }

  #fetchOutput(): void {
    this.#sources.output?.next().then(
      ({ value }) => {
        this.#output = value ?? undefined
        this.#notify()
      },
      // The generator reports failures as events, except after the reader has disconnected.
      () => {},
    )
  }

  #notify(): void {
    this.#hasNews = true
    this.#wake()
  }

  /** Waits for a change; resolves with true if a keep-alive is due first. */
  #isLate(): Promise<boolean> {
    // Otherwise a change reported during `list.take()` would wait for the next one.
    if (this.#hasNews) return Promise.resolve(false)
    return new Promise((resolve) => {
      const timeout = setTimeout(() => resolve(true), KEEP_ALIVE_MS)
      this.#wake = () => {
        clearTimeout(timeout)
        resolve(false)
      }
    })
  }
}

/** Formats a server-sent event (HTML standard, 9.2). JSON contains line breaks only as escapes. */
function frame({ event, data, id }: ConsoleEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
