import { MIN_SEGMENT_BYTES, type OptionsOf, type Spool, spoolSchema } from '@bgtask/protocol'
import * as v from 'valibot'

/** A larger file would be removed at once when its output exceeds the bound. */
const MAX_DEFAULT_SEGMENT_BYTES = 8 * 1024 * 1024

/** Keeps output in files of the pool's directory as well, so that it outlives its supervisor. */
export const spoolOptionSchema = v.pipe(
  v.strictObject({
    /** Bytes kept of each output, from 8,192. */
    maxBytes: v.number(),
    /** Bytes of one file: a quarter of `maxBytes` unless given, 8 MiB at most. The oldest file is removed as a whole. */
    segmentBytes: v.optional(v.number()),
    /** `exit`: what a run wrote is on the disk before its exit is reported; `none` unless given. */
    sync: v.optional(v.picklist(['none', 'exit'], 'must be none or exit'), 'none'),
  }),
  v.transform(
    ({ maxBytes, segmentBytes = defaultSegmentBytes(maxBytes), sync }): Spool => ({ maxBytes, segmentBytes, sync }),
  ),
  spoolSchema,
)
export type SpoolOptions = OptionsOf<typeof spoolOptionSchema>

function defaultSegmentBytes(maxBytes: number): number {
  return Math.max(MIN_SEGMENT_BYTES, Math.min(MAX_DEFAULT_SEGMENT_BYTES, Math.floor(maxBytes / 4)))
}
