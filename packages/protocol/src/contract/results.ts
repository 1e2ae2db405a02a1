import * as v from 'valibot'
import { countSchema, featuresSchema, metaSchema, outputStreamIdSchema, timeSchema } from './fields.js'
import { exitStatusSchema, liveStateSchema, survivorSchema, taskInfoSchema } from './info.js'
import type { MethodName } from './methods.js'

const stoppedSchema = v.looseObject({
  /** Of the last run; null where the child never ran. */
  exitStatus: v.nullable(exitStatusSchema),
  /** At most 100 of the processes that are still there, the child first. */
  survivors: v.array(survivorSchema),
  /** How many there are beside these; only if there are more. */
  moreSurvivors: v.optional(countSchema),
})
export type StopResult = v.InferOutput<typeof stoppedSchema>

const readResultSchema = v.pipe(
  v.looseObject({
    /** Where `data` starts: `from`, or later where bytes are no longer kept. */
    offset: countSchema,
    data: v.custom<Buffer>((data) => Buffer.isBuffer(data), 'must be bytes'),
    /** `data` reaches the end, and no byte can come any more. */
    eof: v.boolean(),
    endOffset: countSchema,
  }),
  v.check(({ offset, data, endOffset }) => offset + data.length <= endOffset, 'has bytes past its endOffset'),
)
export type ReadResult = v.InferOutput<typeof readResultSchema>

/** One chunk as it was read: `[streamId, offset, length, at]`, with `at` in Unix ms. */
export const orderedChunkSchema = v.pipe(
  v.tuple([outputStreamIdSchema, countSchema, countSchema, timeSchema]),
  v.check(([, offset, length]) => Number.isSafeInteger(offset + length), 'ends where no offset can be'),
)
export type OrderedChunk = v.InferOutput<typeof orderedChunkSchema>

const orderResultSchema = v.pipe(
  v.looseObject({
    /** Number of the first chunk in `chunks`: `from`, or later where the order of older ones is no longer kept. */
    seq: countSchema,
    chunks: v.array(orderedChunkSchema),
    /** Number that the next chunk will have, or has. */
    endSeq: countSchema,
    /** `chunks` reaches the end, and no chunk can come any more. */
    eof: v.boolean(),
  }),
  v.check(({ seq, chunks, endSeq }) => seq + chunks.length <= endSeq, 'has chunks past its endSeq'),
)
export type OrderResult = v.InferOutput<typeof orderResultSchema>

const waitResultSchema = v.looseObject({
  /** False where the time was up first. */
  done: v.boolean(),
  run: countSchema,
  state: liveStateSchema,
  exitStatus: v.nullable(exitStatusSchema),
})

/** The result of every method. A module of its own, since a supervisor does not check results and need not hold this. */
export const resultSchemas = {
  hello: v.looseObject({
    protocol: countSchema,
    software: v.string(),
    methods: v.array(v.string()),
    features: featuresSchema,
    /** Undefined with a supervisor that does not know the parameter of that name either. */
    taskId: v.optional(v.string()),
  }),
  getInfo: taskInfoSchema,
  applyMeta: metaSchema,
  kill: v.looseObject({ delivered: v.boolean() }),
  restart: v.looseObject({ restarted: v.boolean(), run: countSchema }),
  stop: stoppedSchema,
  terminate: stoppedSchema,
  readStream: readResultSchema,
  discardStream: v.looseObject({ firstOffset: countSchema, endOffset: countSchema }),
  readOrder: orderResultSchema,
  writeStream: v.looseObject({ acceptedOffset: countSchema }),
  closeStream: v.looseObject({}),
  waitExit: waitResultSchema,
  subscribe: v.looseObject({ state: liveStateSchema, run: countSchema }),
} as const

export type MethodResult<M extends MethodName> = v.InferOutput<(typeof resultSchemas)[M]>
