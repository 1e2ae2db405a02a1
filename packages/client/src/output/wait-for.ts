import { type OptionsOf, OutputGapError, parseOptions } from '@bgtask/protocol'
import { waitOptionsSchema, withDeadline } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { gapsSchema, windowBytesSchema } from '../call-options.js'
import { pollMs } from '../long-poll.js'
import { Matcher, type OutputMatch } from '../text/matcher.js'
import type { Followed } from './chunks.js'
import { follow, followOptionsSchema } from './follow.js'

/** Bytes that are searched again with the next chunk, since a match may span both: 64 KiB. */
const DEFAULT_MAX_MATCH_BYTES = 64 * 1024

export const waitForOptionsSchema = v.strictObject({
  ...followOptionsSchema.entries,
  ...waitOptionsSchema.entries,
  /** A longer match of a RegExp may be missed; default 64 KiB. */
  maxMatchBytes: v.optional(windowBytesSchema, DEFAULT_MAX_MATCH_BYTES),
  /** Bytes that are no longer kept may have held the match: `error` (default) rejects, `skip` continues after them. */
  gaps: v.optional(gapsSchema, 'error'),
})
export type WaitForOptions = OptionsOf<typeof waitForOptionsSchema>

/** The first match at or after `from`; undefined if the output ends first. */
export async function waitFor(
  stream: Followed,
  streamName: string,
  pattern: RegExp | string,
  options: WaitForOptions,
): Promise<OutputMatch | undefined> {
  const { maxMatchBytes, gaps, signal, timeoutMs, ...where } = parseOptions(waitForOptionsSchema, options)
  const matcher = new Matcher(pattern, maxMatchBytes)
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
