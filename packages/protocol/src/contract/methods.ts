import * as v from 'valibot'
import {
  countSchema,
  durationMsSchema,
  killSignalSchema,
  metaSchema,
  outputStreamIdSchema,
  stopStepsSchema,
  streamIdSchema,
} from './fields.js'
import { exitStatusSchema, liveStateSchema, survivorSchema, taskInfoSchema } from './info.js'
import { jsonObjectProblem } from './json.js'

/** The most bytes of a stream that one reply carries; it keeps a reply well below the bound of a message. */
export const MAX_READ_BYTES = 512 * 1024

/** What a read carries where `maxBytes` is left out. */
export const DEFAULT_READ_BYTES = 64 * 1024

/** The most bytes of stdin in one call; longer writes are split by the caller. */
export const MAX_WRITE_BYTES = 256 * 1024

/** A long poll answers after this long at the latest, so that nothing waits for a peer that is gone. */
export const MAX_WAIT_MS = 60_000

const bytesSchema = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes')
const waitMsSchema = v.optional(v.pipe(durationMsSchema, v.maxValue(MAX_WAIT_MS)), 0)
const noParams = v.optional(v.object({}), {})

const stoppedSchema = v.looseObject({
  /** Of the last run; null where the child never ran. */
  exitStatus: v.nullable(exitStatusSchema),
  survivors: v.array(survivorSchema),
})
export type StopResult = v.InferOutput<typeof stoppedSchema>

const readResultSchema = v.looseObject({
  /** Where `data` starts: `from`, or later where bytes are no longer kept. */
  offset: countSchema,
  data: bytesSchema,
  /** `data` reaches the end, and no byte can come any more. */
  eof: v.boolean(),
  endOffset: countSchema,
})
export type ReadResult = v.InferOutput<typeof readResultSchema>

/** One chunk as it was read: `[streamId, offset, length, at]`, with `at` in Unix ms. */
export const orderedChunkSchema = v.tuple([outputStreamIdSchema, countSchema, countSchema, countSchema])
export type OrderedChunk = v.InferOutput<typeof orderedChunkSchema>

const orderResultSchema = v.looseObject({
  /** Number of the first chunk in `chunks`: `from`, or later where the order of older ones is no longer kept. */
  seq: countSchema,
  chunks: v.array(orderedChunkSchema),
  /** Number that the next chunk will have, or has. */
  endSeq: countSchema,
  /** `chunks` reaches the end, and no chunk can come any more. */
  eof: v.boolean(),
})
export type OrderResult = v.InferOutput<typeof orderResultSchema>

const waitResultSchema = v.looseObject({
  /** False where the time was up first. */
  done: v.boolean(),
  run: countSchema,
  state: liveStateSchema,
  exitStatus: v.nullable(exitStatusSchema),
})
export type WaitResult = v.InferOutput<typeof waitResultSchema>

/**
 * Every method of a task: its single parameter and its result.
 * Nothing else of a supervisor can be called.
 */
export const methodSchemas = {
  hello: {
    params: v.optional(v.object({ protocol: v.optional(countSchema), software: v.optional(v.string()) }), {}),
    result: v.looseObject({ protocol: countSchema, software: v.string(), methods: v.array(v.string()) }),
  },
  getInfo: { params: noParams, result: taskInfoSchema },
  /** JSON Merge Patch (RFC 7396); the result is the whole meta, on record. */
  applyMeta: {
    params: v.object({
      patch: v.custom<Record<string, unknown>>(
        (patch) => jsonObjectProblem(patch) === undefined,
        (issue) => `must be a JSON object: ${jsonObjectProblem(issue.input) ?? ''}`,
      ),
    }),
    result: metaSchema,
  },
  /** `delivered` is false where there was nothing to signal. */
  kill: {
    params: v.object({ killSignal: killSignalSchema, tree: v.optional(v.boolean(), false) }),
    result: v.looseObject({ delivered: v.boolean() }),
  },
  /** `restarted` is false while the child runs. */
  restart: { params: noParams, result: v.looseObject({ restarted: v.boolean(), run: countSchema }) },
  stop: { params: v.optional(v.object({ steps: v.optional(stopStepsSchema) }), {}), result: stoppedSchema },
  terminate: { params: v.optional(v.object({ steps: v.optional(stopStepsSchema) }), {}), result: stoppedSchema },
  /** With `waitMs` a long poll: answers at a byte past `from`, at the end, or when the time is up. */
  readStream: {
    params: v.object({
      streamId: outputStreamIdSchema,
      /** The oldest kept byte where left out. */
      from: v.optional(countSchema),
      maxBytes: v.optional(v.pipe(countSchema, v.minValue(1)), DEFAULT_READ_BYTES),
      waitMs: waitMsSchema,
      /** Forget everything before `from` first: what the caller has finished with. */
      discard: v.optional(v.boolean(), false),
    }),
    result: readResultSchema,
  },
  /** Forgets what lies before `upTo`, or everything so far. */
  discardStream: {
    params: v.object({ streamId: outputStreamIdSchema, upTo: v.optional(countSchema) }),
    result: v.looseObject({ firstOffset: countSchema, endOffset: countSchema }),
  },
  /** The order in which chunks of stdout and stderr were read; `from` and `seq` count chunks. */
  readOrder: {
    params: v.object({
      from: v.optional(countSchema),
      maxChunks: v.optional(v.pipe(countSchema, v.minValue(1), v.maxValue(4_096)), 256),
      waitMs: waitMsSchema,
    }),
    result: orderResultSchema,
  },
  /** Resolves when the bytes are queued; with `wait: false` an error `ERR_BGTASK_WOULD_BLOCK` where the queue is full. */
  writeStream: {
    params: v.object({
      streamId: v.literal(0),
      data: v.pipe(
        bytesSchema,
        v.check((data) => data.length <= MAX_WRITE_BYTES, 'must be at most 256 KiB'),
      ),
      wait: v.optional(v.boolean(), true),
    }),
    result: v.looseObject({ acceptedOffset: countSchema }),
  },
  /** stdin: after what is queued, or at once (`immediate`). Output: keeps nothing more; what is kept stays. */
  closeStream: {
    params: v.object({ streamId: streamIdSchema, immediate: v.optional(v.boolean(), false) }),
    result: v.looseObject({}),
  },
  /** With `run`: the end of that run or a later one. Without: the exit after which no restart is pending. */
  waitExit: {
    params: v.optional(v.object({ run: v.optional(v.pipe(countSchema, v.minValue(1))), waitMs: waitMsSchema }), {}),
    result: waitResultSchema,
  },
  /** From now on events come as notifications. The result tells the state at that moment. */
  subscribe: { params: noParams, result: v.looseObject({ state: liveStateSchema, run: countSchema }) },
} as const

export type MethodName = keyof typeof methodSchemas
/** What a caller passes: defaults may be left out. */
export type MethodParams<M extends MethodName> = v.InferInput<(typeof methodSchemas)[M]['params']>
/** What a handler gets: defaults filled in. */
export type ParsedParams<M extends MethodName> = v.InferOutput<(typeof methodSchemas)[M]['params']>
export type MethodResult<M extends MethodName> = v.InferOutput<(typeof methodSchemas)[M]['result']>

export const METHOD_NAMES = Object.keys(methodSchemas) as MethodName[]
