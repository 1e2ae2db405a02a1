import { MAX_TIME_MS } from './fields.js'
import type { recordedInfoSchema } from './info.js'
import { isPlainObject, jsonObjectProblem } from './json.js'

// Whether a value is as usual, in a twentieth of the time that its schema takes: a search reads hundreds of infos. What is
// refused here the schema decides; what is accepted the schema must accept unchanged, to which a test holds this.

type Fits<S extends { entries: object }> = { readonly [K in keyof S['entries']]: (value: unknown) => boolean }

const isText = (value: unknown) => typeof value === 'string'
const isFlag = (value: unknown) => typeof value === 'boolean'
const isNull = (value: unknown) => value === null
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
const orNull = (fits: (value: unknown) => boolean) => (value: unknown) => value === null || fits(value)
const oneOf = (...words: readonly string[]) => {
  const known = new Set<unknown>(words)
  return (value: unknown) => known.has(value)
}

const isTime = (value: unknown) => isCount(value) && (value as number) <= MAX_TIME_MS

const isTextOrNull = orNull(isText)
const isCountOrNull = orNull(isCount)
const isTimeOrNull = orNull(isTime)
const isWhy = oneOf('never', 'failure', 'always')
const isCause = oneOf('exit', 'signal', 'stopped', 'timeout')

/** Durations and counts of a restart policy, well below their bounds. */
const isSmallCount = (value: unknown) => isCount(value) && (value as number) <= 1_000_000_000

export const quickRecorded: Fits<typeof recordedInfoSchema> = {
  taskId: (value) => typeof value === 'string' && /^[0-9a-f]{16,64}$/.test(value),
  supervisorPid: isCount,
  pid: isCountOrNull,
  meta: (value) => jsonObjectProblem(value) === undefined,
  command: isTexts,
  cwd: isText,
  behavior: oneOf('foreground', 'background', 'daemon'),
  lockfile: isTextOrNull,
  state: oneOf('starting', 'running', 'paused', 'backoff', 'exited', 'failed', 'terminating'),
  run: isCount,
  restarts: isCount,
  restart: (value) =>
    isPlainObject(value) &&
    isWhy(value.on) &&
    isSmallCount(value.delayMs) &&
    isSmallCount(value.maxDelayMs) &&
    (value.maxRestarts === null || isSmallCount(value.maxRestarts)) &&
    isSmallCount(value.resetAfterMs) &&
    typeof value.factor === 'number' &&
    value.factor >= 1 &&
    value.factor <= 1_000 &&
    Object.keys(value).length === 6,
  createdAt: isTime,
  startedAt: isTimeOrNull,
  exitedAt: isTimeOrNull,
  exitStatus: (value) =>
    value === null ||
    (isPlainObject(value) &&
      isCountOrNull(value.exitCode) &&
      (value.signal === null || (typeof value.signal === 'string' && /^SIG[A-Z0-9]{1,16}$/.test(value.signal))) &&
      isCause(value.cause) &&
      Object.keys(value).length === 3),
  exitOffsets: (value) => value === null || (isPlainObject(value) && isCount(value[1]) && isCount(value[2])),
  nextStartAt: isTimeOrNull,
  failure: isTextOrNull,
  stdio: oneOf('pipe', 'socket'),
  spool: isNull,
  lingerMs: isNull,
  retiredAt: isTimeOrNull,
  protocol: isCount,
  software: isText,
  features: isTexts,
}

const OUTPUT_COUNTS = ['firstOffset', 'endOffset', 'runOffset', 'discarded']
const INPUT_COUNTS = ['acceptedOffset', 'writtenOffset', 'discarded']

const hasCounts = (value: unknown, keys: string[]): value is Record<string, unknown> =>
  isPlainObject(value) && keys.every((key) => isCount(value[key]))
const isInput = (value: unknown) => hasCounts(value, INPUT_COUNTS) && isFlag(value.closed) && isTextOrNull(value.error)
const isOutput = (value: unknown) =>
  hasCounts(value, OUTPUT_COUNTS) && isFlag(value.eof) && isFlag(value.blocked) && isTextOrNull(value.error)

export const quickStreams = { 0: isInput, 1: isOutput, 2: isOutput }

export const quickClientCount = { clientCount: isCount }
