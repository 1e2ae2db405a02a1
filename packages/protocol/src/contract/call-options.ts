import * as v from 'valibot'
import { countSchema } from './fields.js'

// What options of calls may hold. A module of its own, since a supervisor takes none and need not hold this.

export const flagSchema = v.boolean()

export const handlerSchema = v.function('must be a function')

/** How much text may be held at a time (bytes); all of it where it is Infinity. */
export const windowBytesSchema = v.custom<number>(
  (value) => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= 1),
  'must be a whole number of bytes from 1',
)

/** What to do about bytes that are no longer kept. */
export const gapsSchema = v.picklist(['error', 'skip'], 'must be error or skip')

/** Where a merged view of both outputs stands. */
export const mergedPositionSchema = v.strictObject({
  seq: countSchema,
  stdout: v.optional(countSchema),
  stderr: v.optional(countSchema),
})
