import { OutputGapError, type WaitOptions, withDeadline } from '@bgtask/protocol'
import { pollMs } from '../long-poll.js'
import { Matcher, type OutputMatch } from '../text/matcher.js'
import type { Followed } from './chunks.js'
import { type FollowOptions, follow } from './follow.js'

/** What is searched again with each chunk, so that a match may lie over their border: 64 KiB. */
const DEFAULT_MAX_MATCH_BYTES = 64 * 1024

export interface WaitForOptions extends FollowOptions, WaitOptions {
  /** A longer match of a RegExp may be missed; default 64 KiB. */
  readonly maxMatchBytes?: number
  /** Bytes that are no longer kept may have held the match: `error` (default) rejects, `skip` searches on behind them. */
  readonly gaps?: 'error' | 'skip'
}

/** The first match at or after `from`; undefined where the output ends first. */
export async function waitFor(
  stream: Followed,
  streamName: string,
  pattern: RegExp | string,
  { maxMatchBytes = DEFAULT_MAX_MATCH_BYTES, gaps = 'error', signal, timeoutMs, ...options }: WaitForOptions,
): Promise<OutputMatch | undefined> {
  const matcher = new Matcher(pattern, maxMatchBytes)
  return withDeadline({ signal, timeoutMs }, `waiting for ${pattern} on ${streamName}`, async (signal) => {
    for await (const chunk of follow(stream, { ...options, signal }, () => pollMs(timeoutMs))) {
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
