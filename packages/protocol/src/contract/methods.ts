import * as v from 'valibot'
import {
  countSchema,
  durationMsSchema,
  outputStreamIdSchema,
  sendableSignalSchema,
  stopStepsSchema,
  streamIdSchema,
} from './fields.js'
import { jsonObjectProblem } from './json.js'

/** The most bytes of a stream that one reply carries; it keeps a reply well below the bound of a message. */
export const MAX_READ_BYTES = 512 * 1024

/** What a read carries where `maxBytes` is left out. */
export const DEFAULT_READ_BYTES = 64 * 1024

/** The most bytes of stdin in one call; longer writes are split by the caller. */
export const MAX_WRITE_BYTES = 256 * 1024

/** A long poll answers after this long at the latest, so that nothing waits for a peer that is gone. */
export const MAX_WAIT_MS = 60_000

export const bytesSchema = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes')
const waitMsSchema = v.optional(v.pipe(durationMsSchema, v.maxValue(MAX_WAIT_MS)), 0)
const noParams = v.optional(v.object({}), {})

/** The single parameter of every method of a task. Nothing else of a supervisor can be called. */
export const paramSchemas = {
  /** With `taskId`, of another task than the supervisor's, the connection ends and nothing behind it is carried out. */
  hello: v.optional(
    v.object({ protocol: v.optional(countSchema), software: v.optional(v.string()), taskId: v.optional(v.string()) }),
    {},
  ),
  getInfo: noParams,
  /** JSON Merge Patch (RFC 7396); the result is the whole meta, on record. */
  applyMeta: v.object({
    patch: v.custom<Record<string, unknown>>(
      (patch) => jsonObjectProblem(patch) === undefined,
      (issue) => `must be a JSON object: ${jsonObjectProblem(issue.input) ?? ''}`,
    ),
  }),
  /** `delivered` is false where there was nothing to signal. */
  kill: v.object({ killSignal: sendableSignalSchema, tree: v.optional(v.boolean(), false) }),
  /** `restarted` is false while the child runs. */
  restart: noParams,
  stop: v.optional(v.object({ steps: v.optional(stopStepsSchema) }), {}),
  terminate: v.optional(v.object({ steps: v.optional(stopStepsSchema) }), {}),
  /** With `waitMs` a long poll: answers at a byte past `from`, at the end, or when the time is up. */
  readStream: v.object({
    streamId: outputStreamIdSchema,
    /** The oldest kept byte where left out. */
    from: v.optional(countSchema),
    /** 0 only waits: the answer holds no byte. */
    maxBytes: v.optional(countSchema, DEFAULT_READ_BYTES),
    waitMs: waitMsSchema,
    /** Forget everything before `from` first: what the caller has finished with. */
    discard: v.optional(v.boolean(), false),
  }),
  /** Forgets what lies before `upTo`, or everything so far. */
  discardStream: v.object({ streamId: outputStreamIdSchema, upTo: v.optional(countSchema) }),
  /** The order in which chunks of stdout and stderr were read; `from` and `seq` count chunks. */
  readOrder: v.optional(
    v.object({
      from: v.optional(countSchema),
      maxChunks: v.optional(v.pipe(countSchema, v.minValue(1), v.maxValue(4_096)), 256),
      waitMs: waitMsSchema,
    }),
    {},
  ),
  /** Resolves when the bytes are queued; with `wait: false` an error `ERR_BGTASK_WOULD_BLOCK` where the queue is full. */
  writeStream: v.object({
    streamId: v.literal(0),
    /** As `str` for clients that cannot send `bin`. */
    data: v.pipe(
      v.union(
        [
          bytesSchema,
          v.pipe(
            v.string(),
            v.transform((text): Uint8Array => Buffer.from(text)),
          ),
        ],
        'must be bytes',
      ),
      v.check((data) => data.length <= MAX_WRITE_BYTES, 'must be at most 256 KiB'),
    ),
    wait: v.optional(v.boolean(), true),
  }),
  /** stdin: after what is queued, or at once (`immediate`). Output: keeps nothing more; what is kept stays. */
  closeStream: v.object({ streamId: streamIdSchema, immediate: v.optional(v.boolean(), false) }),
  /** With `run`: the end of that run or a later one. Without: the exit after which no restart is pending. */
  waitExit: v.optional(v.object({ run: v.optional(v.pipe(countSchema, v.minValue(1))), waitMs: waitMsSchema }), {}),
  /** From now on events come as notifications. The result tells the state at that moment. */
  subscribe: noParams,
} as const

export type MethodName = keyof typeof paramSchemas
/** What a caller passes: defaults may be left out. */
export type MethodParams<M extends MethodName> = v.InferInput<(typeof paramSchemas)[M]>
/** What a handler gets: defaults filled in. */
export type ParsedParams<M extends MethodName> = v.InferOutput<(typeof paramSchemas)[M]>
