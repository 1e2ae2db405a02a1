import { ReadableStream } from 'node:stream/web'
import { checkOptions, gapsSchema, type KnownOptions, OutputGapError } from '@bgtask/protocol'
import { checkWait } from '@bgtask/protocol/rpc'
import type { Followed } from './chunks.js'
import { FOLLOW_OPTIONS, type FollowOptions, follow } from './follow.js'

export interface ReadableOptions extends FollowOptions {
  /** Bytes that are no longer kept: `error` (default) errors the stream with an OutputGapError, `skip` goes on behind them. */
  readonly gaps?: 'error' | 'skip'
}

const READABLE_OPTIONS: KnownOptions<ReadableOptions> = { ...FOLLOW_OPTIONS, gaps: gapsSchema }

/** The bytes as a web stream. Nothing is read before it is asked for; cancelling it ends the reading, never the task. */
export function readable(stream: Followed, streamName: string, options: ReadableOptions): ReadableStream<Uint8Array> {
  const { gaps = 'error', signal, ...where } = checkOptions(options, READABLE_OPTIONS)
  checkWait({ signal })
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
