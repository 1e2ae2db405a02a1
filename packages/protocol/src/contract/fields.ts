import { constants } from 'node:os'
import * as v from 'valibot'
import { isPlainObject, type JsonObject, jsonObjectProblem } from './json.js'

/** The version of launch spec, wire and record that this package speaks. */
export const PROTOCOL_VERSION = 1

/** Bytes kept per output stream unless `maxReadBufSize` says otherwise; memory grows only as used. */
export const DEFAULT_MAX_READ_BUF_SIZE = 16 * 1024 * 1024

const WHOLE = 'must be a whole number'

/** A count, an offset or a duration in ms: a non-negative safe integer. */
export const countSchema = v.pipe(v.number(), v.safeInteger(WHOLE), v.minValue(0))

/** The last moment that a `Date` can be: formatting a later one throws. */
export const MAX_TIME_MS = 8.64e15

/** Unix time in ms. */
export const timeSchema = v.pipe(countSchema, v.maxValue(MAX_TIME_MS, 'must be a time that a date can be'))

/** Node's timers overflow at 2^31 ms and then fire at once; no duration may exceed it. */
export const durationMsSchema = v.pipe(v.number(), v.integer(WHOLE), v.minValue(0), v.maxValue(2_147_483_647))

/** Random, lower-case hex; names the task and its record, and is the value of its cookie variable. */
export const taskIdSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{16,64}$/, 'must be 16 to 64 lower-case hex digits'))

/** Text that can be handed to the kernel. */
export const kernelTextSchema = v.pipe(
  v.string(),
  v.check((text) => !text.includes('\0'), 'must not hold a NUL byte'),
)

/** Variables by their names, which may be any: valibot's `record` would drop `__proto__` and `constructor`. */
export const environmentSchema = v.pipe(
  v.custom<Record<string, string>>(isPlainObject, 'must be an object'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    for (const [key, value] of Object.entries(dataset.value)) {
      const { issues } = v.safeParse(kernelTextSchema, value)
      if (issues === undefined) continue
      // Not the whole environment, which holds secrets, and ends in the message.
      const path = { type: 'object', origin: 'value', input: dataset.value, key, value } as const
      addIssue({ message: 'must be text without NUL bytes', input: typeof value, path: [path] })
    }
  }),
)

export const argvSchema = v.pipe(
  v.array(kernelTextSchema),
  v.minLength(1, 'must name a program'),
  v.check((argv) => argv[0] !== '', 'must name a program'),
)

export const behaviorSchema = v.picklist(['foreground', 'background', 'daemon'])
export type Behavior = v.InferOutput<typeof behaviorSchema>

export const overflowSchema = v.picklist(['discard', 'block'])
export type Overflow = v.InferOutput<typeof overflowSchema>

export const metaSchema = v.custom<JsonObject>(
  (value) => jsonObjectProblem(value) === undefined,
  (issue) => `must be a JSON object of at most 64 KiB: ${jsonObjectProblem(issue.input) ?? ''}`,
)

/** A signal that this platform can send. */
export const sendableSignalSchema = v.pipe(
  v.string(),
  v.check((name) => Object.hasOwn(constants.signals, name), 'must be the name of a signal, such as SIGTERM'),
)

/** One step of a stop: send the signal, then wait this long (ms) for the tree to be empty. */
export const stopStepSchema = v.object({ killSignal: sendableSignalSchema, waitMs: durationMsSchema })
export type StopStep = v.InferOutput<typeof stopStepSchema>

export const stopStepsSchema = v.pipe(
  v.array(stopStepSchema),
  v.minLength(1, 'must have a step'),
  v.maxLength(32, 'must have at most 32 steps'),
)

/** Asked to leave, given ten seconds, then made to. */
export const DEFAULT_STOP_STEPS = [
  { killSignal: 'SIGTERM', waitMs: 10_000 },
  { killSignal: 'SIGKILL', waitMs: 2_000 },
] as const satisfies readonly StopStep[]

/**
 * When and how the child is started again after it ended by itself.
 * The n-th restart in a row waits `min(maxDelayMs, delayMs * factor^(n-1))`; a run of `resetAfterMs` starts the count anew.
 */
export const restartPolicySchema = v.object({
  on: v.picklist(['never', 'failure', 'always']),
  delayMs: v.optional(durationMsSchema, 1_000),
  maxDelayMs: v.optional(durationMsSchema, 60_000),
  factor: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(1_000)), 2),
  /** Restarts in a row before the task is `failed`; null for no limit. */
  maxRestarts: v.optional(v.nullable(countSchema), 10),
  resetAfterMs: v.optional(durationMsSchema, 60_000),
})
export type RestartPolicy = v.InferOutput<typeof restartPolicySchema>

/** Who else may come in: modes of sockets, logs and records, their group, and the uids trusted beside the usual ones. */
export const accessSchema = v.object({
  mode: v.optional(v.pipe(v.number(), v.integer(WHOLE), v.minValue(0), v.maxValue(0o777)), 0o600),
  gid: v.optional(v.nullable(countSchema), null),
  owners: v.optional(v.pipe(v.array(countSchema), v.maxLength(1_024)), () => []),
})
export type Access = v.InferOutput<typeof accessSchema>
export type AccessOptions = v.InferInput<typeof accessSchema>

/** The least of `spool.maxBytes` and of `spool.segmentBytes`: a page. */
export const MIN_SEGMENT_BYTES = 4_096

const spoolEntries = {
  /** Bytes kept in files of each output stream. */
  maxBytes: v.pipe(countSchema, v.minValue(2 * MIN_SEGMENT_BYTES)),
  /** Bytes of one file; the oldest file is removed as a whole. */
  segmentBytes: v.pipe(countSchema, v.minValue(MIN_SEGMENT_BYTES)),
  /** `exit`: what a run wrote is on the disk before its exit is recorded. */
  sync: v.picklist(['none', 'exit']),
}

/** Output that is kept in files as well, so that it outlives its supervisor. */
export const spoolSchema = v.pipe(
  v.object(spoolEntries),
  v.forward(
    v.check(({ maxBytes, segmentBytes }) => segmentBytes <= maxBytes / 2, 'must be at most half of maxBytes'),
    ['segmentBytes'],
  ),
)
export type Spool = v.InferOutput<typeof spoolSchema>

/** How long (ms) after the last run a supervisor retires; null for never. */
export const lingerMsSchema = v.optional(v.nullable(durationMsSchema), null)

/** Names of optional parts of the contract: what a supervisor has, or what a spec needs. Missing is none. */
export const featuresSchema = v.optional(v.array(v.string()), () => [])

/** 0, 1 and 2 as everywhere. */
export const streamIdSchema = v.picklist([0, 1, 2])
export type StreamId = v.InferOutput<typeof streamIdSchema>
export const outputStreamIdSchema = v.picklist([1, 2])
export type OutputStreamId = v.InferOutput<typeof outputStreamIdSchema>
