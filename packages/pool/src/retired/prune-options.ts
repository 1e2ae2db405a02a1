import { countSchema, type OptionsOf } from '@bgtask/protocol'
import * as v from 'valibot'

export const pruneOptionsSchema = v.strictObject({
  /** Remove tasks whose supervisor retired longer ago than this (ms). */
  olderThanMs: v.optional(
    v.custom<number>((ms) => typeof ms === 'number' && ms >= 0, 'must be a number of milliseconds'),
    Number.POSITIVE_INFINITY,
  ),
  /** Keep at most this number of tasks, the newest ones. */
  keep: v.optional(countSchema, Number.MAX_SAFE_INTEGER),
  /** Keep at most this number of bytes of output in files, of the newest tasks. */
  maxBytes: v.optional(countSchema, Number.MAX_SAFE_INTEGER),
})
export type PruneOptions = OptionsOf<typeof pruneOptionsSchema>
