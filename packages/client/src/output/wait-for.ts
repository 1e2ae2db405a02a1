import { checkOptions, gapsSchema, type KnownOptions, OutputGapError, windowBytesSchema } from '@bgtask/protocol'
import { WAIT_OPTIONS, type WaitOptions, withDeadline } from '@bgtask/protocol/rpc'
import { pollMs } from '../long-poll.js'
import { Matcher, type OutputMatch } from '../text/matcher.js'
import type { Followed } from './chunks.js'
import { FOLLOW_OPTIONS, type FollowOptions, follow } from './follow.js'

/** What is searched again with each chunk, so that a match may lie over their border: 64 KiB. */
const DEFAULT_MAX_MATCH_BYTES = 64 * 1024

export interface WaitForOptions extends FollowOptions, WaitOptions {
  /** A longer match of a RegExp may be missed; default 64 KiB. */
  readonly maxMatchBytes?: number
  /** Bytes that are no longer kept may have held the match: `error` (default) rejects, `skip` searches on behind them. */
  readonly gaps?: 'error' | 'skip'
}

const WAIT_FOR_OPTIONS: KnownOptions<WaitForOptions> = {
  ...FOLLOW_OPTIONS,
  ...WAIT_OPTIONS,
  maxMatchBytes: windowBytesSchema,
  gaps: gapsSchema,
}

/** The first match at or after `from`; undefined where the output ends first. */
export async function waitFor(
  stream: Followed,
  streamName: string,
  pattern: RegExp | string,
  options: WaitForOptions,
): Promise<OutputMatch | undefined> {
  const { maxMatchBytes, gaps = 'error', signal, timeoutMs, ...where } = checkOptions(options, WAIT_FOR_OPTIONS)
  const matcher = new Matcher(pattern, maxMatchBytes ?? DEFAULT_MAX_MATCH_BYTES)
  return withDeadline({ signal, timeoutMs }, `waiting for ${pattern} on ${streamName}`, async (signal) => {
    for await (const chunk of follow(stream, { ...where, signal }, () => pollMs(timeoutMs))) {
      if (chunk.gap) {
        if (gaps === 'error') throw new OutputGapError(streamName, chunk.from, chunk.to)
        matcher.reset()
        continue
      }
      const match = matcher.push(chunk.offset, chunk.data)
      if (match !== undefined) return match
    }
    return undefined
  })
}
