import * as v from 'valibot'
import {
  behaviorSchema,
  countSchema,
  featuresSchema,
  lingerMsSchema,
  metaSchema,
  restartPolicySchema,
  spoolSchema,
  taskIdSchema,
  timeSchema,
} from './fields.js'
import type { JsonObject } from './json.js'

/** The name of a signal with its `SIG` prefix, such as `SIGTERM`. */
const killSignalSchema = v.pipe(v.string(), v.regex(/^SIG[A-Z0-9]{1,16}$/, 'must be the name of a signal'))

/** States that a live supervisor tells. */
export const liveStateSchema = v.picklist([
  'starting',
  'running',
  'paused',
  'backoff',
  'exited',
  'failed',
  'terminating',
])
export type LiveState = v.InferOutput<typeof liveStateSchema>

/**
 * Live states, and those that only the directory can tell: the supervisor died and the child too (`lost`) or not (`orphaned`).
 * `unknown`: the supervisor tells none, or one that there is not.
 */
export const taskStateSchema = v.picklist([...liveStateSchema.options, 'lost', 'orphaned', 'unknown'])
export type TaskState = v.InferOutput<typeof taskStateSchema>

/** A process that outlived a stop. A long command is cut. */
export const survivorSchema = v.looseObject({ pid: countSchema, startTime: countSchema, command: v.string() })
export type Survivor = v.InferOutput<typeof survivorSchema>

/** Some of the processes that outlived a stop, and how many there are beside these. */
export interface SomeSurvivors {
  readonly survivors: Survivor[]
  /** Only if there are more. */
  readonly moreSurvivors?: number | undefined
}

/**
 * How a run ended. `exitCode` is null after a signal, `signal` is null after an exit.
 * `cause`: `exit` or `signal` by itself or by somebody's kill; `stopped` by stop or terminate; `timeout` by `maxRuntimeMs`.
 */
export const exitStatusSchema = v.looseObject({
  exitCode: v.nullable(countSchema),
  signal: v.nullable(killSignalSchema),
  cause: v.picklist(['exit', 'signal', 'stopped', 'timeout']),
  /** Only if a stop left some. At most 100 of them, the child first. */
  survivors: v.optional(v.array(survivorSchema)),
  /** How many there are beside these; only if there are more. */
  moreSurvivors: v.optional(countSchema),
})
export type ExitStatus = v.InferOutput<typeof exitStatusSchema>

/** An output stream: absolute byte offsets that only grow, over restarts too. */
export const outputInfoSchema = v.looseObject({
  /** The oldest byte that is kept. */
  firstOffset: countSchema,
  /** One past the newest byte. */
  endOffset: countSchema,
  /** Where the present run's output starts. */
  runOffset: countSchema,
  /** Bytes that were dropped, by overflow or by discarding. */
  discarded: countSchema,
  /** No byte can come any more, not even after a restart. */
  eof: v.boolean(),
  /** The child waits until somebody discards (`overflow: 'block'`). */
  blocked: v.optional(v.boolean(), false),
  error: v.nullable(v.string()),
})
export type OutputInfo = v.InferOutput<typeof outputInfoSchema>

/** The child's stdin: bytes taken from clients, and bytes that the pipe has taken. */
export const inputInfoSchema = v.looseObject({
  acceptedOffset: countSchema,
  writtenOffset: countSchema,
  /** Bytes that were accepted and never reached a child. */
  discarded: v.optional(countSchema, 0),
  closed: v.boolean(),
  error: v.nullable(v.string()),
})
export type InputInfo = v.InferOutput<typeof inputInfoSchema>

const recordedEntries = {
  taskId: taskIdSchema,
  supervisorPid: countSchema,
  /** The child, null where none runs. */
  pid: v.nullable(countSchema),
  meta: metaSchema,
  /** The child's argv. */
  command: v.array(v.string()),
  cwd: v.string(),
  behavior: behaviorSchema,
  lockfile: v.nullable(v.string()),
  state: taskStateSchema,
  /** Number of the present or last run, from 1. */
  run: countSchema,
  /** Starts after the first, by hand or by policy. */
  restarts: countSchema,
  restart: restartPolicySchema,
  /** Unix time in ms: when the supervisor started. */
  createdAt: timeSchema,
  /** Unix time in ms: when the present or last run started. */
  startedAt: v.nullable(timeSchema),
  /** Unix time in ms: when the last run ended; null while one runs. */
  exitedAt: v.nullable(timeSchema),
  exitStatus: v.nullable(exitStatusSchema),
  /** End offsets of stdout and stderr when the exit was announced; a grandchild may have written more since. */
  exitOffsets: v.nullable(v.looseObject({ 1: countSchema, 2: countSchema })),
  /** Unix time in ms of the next start, in state `backoff`. */
  nextStartAt: v.nullable(timeSchema),
  /** Why the task is `failed`, in words. */
  failure: v.nullable(v.string()),
  /** What the child has as stdio: real pipes, or sockets where pipes could not be had. */
  stdio: v.picklist(['pipe', 'socket']),
  /** How output is kept in files; null if it is not. */
  spool: v.optional(v.nullable(spoolSchema), null),
  /** How long (ms) after the last run the supervisor retires; null for never. */
  lingerMs: lingerMsSchema,
  /** Unix time in ms: when the supervisor has retired; null if it has not. */
  retiredAt: v.optional(v.nullable(timeSchema), null),
  protocol: countSchema,
  software: v.string(),
  /** Names of the optional parts of the contract that the supervisor has. */
  features: featuresSchema,
}

/** The part of the info that the record holds: all but what changes with every byte. */
export const recordedInfoSchema = v.looseObject(recordedEntries)
type RecordedEntries = v.InferOutput<v.ObjectSchema<typeof recordedEntries, undefined>>
/** `meta` has the type that the caller says it has; it is not checked. */
export interface RecordedInfo<Meta extends object = JsonObject> extends Omit<RecordedEntries, 'meta'> {
  meta: Meta
  [custom: string]: unknown
}

/** Everything a supervisor tells about its task. Keys that a custom supervisor adds are kept. */
const liveEntries = {
  /** Connections open now, the asking one included. */
  clientCount: countSchema,
  streams: v.looseObject({ 0: inputInfoSchema, 1: outputInfoSchema, 2: outputInfoSchema }),
}
export const taskInfoSchema = v.looseObject({ ...recordedEntries, ...liveEntries })
type LiveEntries = v.InferOutput<v.ObjectSchema<typeof liveEntries, undefined>>
export interface TaskInfo<Meta extends object = JsonObject> extends RecordedInfo<Meta>, LiveEntries {
  [custom: string]: unknown
}
