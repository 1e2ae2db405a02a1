import type { ConsoleEvent } from '../shared/messages.js'
import type { ListFeed } from './list-feed.js'
import type { OutputEvent } from './output-events.js'

/** How often (ms) something is sent, so that both ends and what lies between them know that the connection lives. */
const KEEP_ALIVE_MS = 15_000

/** A stream ends after this long (ms): the page comes back at once, loses nothing, and its rights are looked at anew. */
const MAX_STREAM_MS = 10 * 60_000

export interface EventSources {
  /** Sent first. */
  readonly first: readonly ConsoleEvent[]
  readonly list: ListFeed
  /** Output of the opened task. */
  readonly output?: AsyncIterator<OutputEvent, void>
  /** Ends the stream. */
  readonly signal: AbortSignal
  /** Called once, when the reader has left or the stream has ended. */
  readonly closed: () => void
  /** Told of an error that nobody expects; the stream ends. */
  readonly failed: (error: unknown) => void
}

/**
 * Server-sent events of one page. Nothing is fetched ahead of the reader but one event: each pull takes the next of the list
 * or of the output, so a page that reads slowly slows only itself.
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
    // No pull before the reader asks.
    { highWaterMark: 0 },
  )
}

class Events {
  readonly #sources: EventSources
  readonly #first: ConsoleEvent[]
  /** The next of the output, where it is there already. */
  #output: OutputEvent | undefined
  #isClosed = false
  /** Since the sources were looked at last. */
  #hasNews = false
  #wake = () => {}

  constructor(sources: EventSources) {
    this.#sources = sources
    this.#first = [...sources.first]
    sources.list.onNews = () => this.#tell()
    this.#fetchOutput()
    // Also where nobody reads: what is held for the reader is let go of.
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
    this.#tell()
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
        this.#tell()
      },
      // It tells of its own failures, but for those of a reader who has left.
      () => {},
    )
  }

  #tell(): void {
    this.#hasNews = true
    this.#wake()
  }

  /** Waits for news; true where it waited so long that a sign of life is due. */
  #isLate(): Promise<boolean> {
    // News that came while the list was asked would else lie until the next.
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

/** One event in the framing of server-sent events (HTML standard, 9.2). JSON has no line break outside of escapes. */
function frame({ event, data, id }: ConsoleEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
