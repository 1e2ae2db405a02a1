import { eventually } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'
import { SseParser } from '../../src/browser/connection/sse-parser.js'
import type { ConsoleEvent, ConsoleEvents } from '../../src/shared/messages.js'

/** Reads a console's stream like a page, one event at a time, at the test's pace. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #parser = new SseParser()
  readonly #decoder = new TextDecoder()
  #events: ConsoleEvent[] = []

  constructor(response: Response) {
    if (response.status !== 200 || response.body === null) throw new Error(`the stream answered ${response.status}`)
    this.#reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
    onTestFinished(() => this.#reader.cancel())
  }

  /** Reads the next event; undefined at the end of the stream. */
  async next(): Promise<ConsoleEvent | undefined> {
    while (this.#events.length === 0) {
      const { done, value } = await this.#reader.read()
      if (done) return undefined
      this.#events = this.#parser
        .push(this.#decoder.decode(value, { stream: true }))
        .map(({ event, data, id }) => ({ event, data: JSON.parse(data), id }) as ConsoleEvent)
    }
    return this.#events.shift()
  }

  /** Reads the next event of that name that `wanted` accepts; skips others. */
  async until<E extends keyof ConsoleEvents>(
    name: E,
    wanted: (data: ConsoleEvents[E]) => boolean = () => true,
  ): Promise<ConsoleEvent<E>> {
    let found: ConsoleEvent | undefined
    // A silent stream fails the test after this deadline.
    await eventually(
      async () => {
        do found = await this.next()
        while (found !== undefined && !(found.event === name && wanted(found.data as ConsoleEvents[E])))
        return true
      },
      { what: `an event ${name}` },
    )
    if (found === undefined) throw new Error(`the stream ended before an event ${name}`)
    return found as ConsoleEvent<E>
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel()
  }
}

export function bytesOf({ data }: ConsoleEvent<'output'>): Buffer {
  return Buffer.from(data.data, 'base64')
}
