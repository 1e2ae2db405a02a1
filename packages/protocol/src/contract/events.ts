import * as v from 'valibot'
import { countSchema, metaSchema, outputStreamIdSchema } from './fields.js'
import { exitStatusSchema, liveStateSchema } from './info.js'

/**
 * Every notification that a subscriber gets: `[2, name, [params]]`.
 * Events are hints: the truth is in `getInfo`, `waitExit` and `readStream`.
 */
export const eventSchemas = {
  childStart: v.looseObject({ run: countSchema, pid: countSchema }),
  childExit: v.looseObject({
    run: countSchema,
    exitStatus: exitStatusSchema,
    exitOffsets: v.looseObject({ 1: countSchema, 2: countSchema }),
    willRestart: v.boolean(),
    /** False where the record could not be written. */
    recorded: v.boolean(),
  }),
  stateChange: v.looseObject({ state: liveStateSchema, run: countSchema }),
  metaChange: v.looseObject({ meta: metaSchema }),
  streamEof: v.looseObject({ streamId: outputStreamIdSchema, endOffset: countSchema }),
  streamError: v.looseObject({ streamId: v.picklist([0, 1, 2]), message: v.string() }),
  terminating: v.looseObject({}),
  /** So many events were dropped because the subscriber did not read; look at the info again. */
  missed: v.looseObject({ count: countSchema }),
} as const

export type EventName = keyof typeof eventSchemas
export type EventPayload<E extends EventName> = v.InferOutput<(typeof eventSchemas)[E]>
