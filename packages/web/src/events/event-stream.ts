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
  /** Called once, when the reader has left or the stream has ended. */
  readonly closed: () => void
  /** Ends the stream. */
  readonly signal: AbortSignal
}

/**
 * Server-sent events of one page. Nothing is fetched ahead of the reader: each pull takes the next event of the list or of
 * the output, so a page that reads slowly slows only itself.
 */
export function eventStream({ first, list, output, closed, signal }: EventSources): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const queue = [...first]
  const ended = AbortSignal.any([signal, AbortSignal.timeout(MAX_STREAM_MS)])
  const aborted = new Promise<'end'>((resolve) => ended.addEventListener('abort', () => resolve('end'), { once: true }))
  let nextOutput = output?.next()
  nextOutput?.catch(() => {})
  let isClosed = false
  const close = () => {
    isClosed = true
    list.close()
    void output?.return?.().catch(() => {})
    closed()
  }

  const next = async (): Promise<ConsoleEvent | 'keep-alive' | 'end'> => {
    for (;;) {
      const event = queue.shift() ?? (await list.take())
      if (ended.aborted) return 'end'
      if (event !== undefined) return event
      const outputReady = nextOutput?.then((result) => ({ result }))
      const keepAlive = timer(KEEP_ALIVE_MS)
      const woken = await Promise.race([list.woken(), outputReady, keepAlive.over, aborted].filter((one) => one))
      keepAlive.clear()
      if (woken === 'keep-alive' || woken === 'end') return woken
      if (typeof woken !== 'object') continue
      nextOutput = woken.result.done ? undefined : output?.next()
      nextOutput?.catch(() => {})
      if (!woken.result.done) return woken.result.value
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const event = await next()
        if (isClosed) return
        if (event !== 'end') return controller.enqueue(encoder.encode(event === 'keep-alive' ? ':\n\n' : frame(event)))
        close()
        controller.close()
      },
      cancel: close,
    },
    // No pull before the reader asks.
    { highWaterMark: 0 },
  )
}

/** One event in the framing of server-sent events (HTML standard, 9.2). JSON has no line break outside of escapes. */
function frame({ event, data, id }: ConsoleEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

function timer(ms: number): { over: Promise<'keep-alive'>; clear: () => void } {
  let clear = () => {}
  const over = new Promise<'keep-alive'>((resolve) => {
    const timeout = setTimeout(() => resolve('keep-alive'), ms)
    clear = () => clearTimeout(timeout)
  })
  return { over, clear }
}
