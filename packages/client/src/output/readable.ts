import { ReadableStream } from 'node:stream/web'
import { type OptionsOf, OutputGapError, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'
import { gapsSchema } from '../call-options.js'
import type { Followed } from './chunks.js'
import { follow, followOptionsSchema } from './follow.js'

const readableOptionsSchema = v.strictObject({
  ...followOptionsSchema.entries,
  /** Bytes that are no longer kept: `error` (default) errors the stream with an OutputGapError, `skip` continues after them. */
  gaps: v.optional(gapsSchema, 'error'),
})
export type ReadableOptions = OptionsOf<typeof readableOptionsSchema>

/** The bytes as a web stream. Bytes are read only on demand; cancelling ends the reading, never the task. */
export function readable(stream: Followed, streamName: string, options: ReadableOptions): ReadableStream<Uint8Array> {
  const { gaps, signal, ...where } = parseOptions(readableOptionsSchema, options)
  const cancelled = new AbortController()
  const signals = signal == null ? cancelled.signal : AbortSignal.any([signal, cancelled.signal])
  const chunks = follow(stream, { ...where, signal: signals })
  return new ReadableStream(
    {
      async pull(controller) {
        for (;;) {
          const { value, done } = await chunks.next()
          if (done) return controller.close()
          if (!value.gap) return controller.enqueue(value.data)
          if (gaps === 'error') throw new OutputGapError(streamName, value.from, value.to)
        }
      },
      async cancel(reason) {
        cancelled.abort(reason)
        await chunks.return()
      },
    },
    { highWaterMark: 0 },
  )
}
