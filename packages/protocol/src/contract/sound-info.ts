import type * as v from 'valibot'
import { countSchema } from './fields.js'
import {
  type InputInfo,
  inputInfoSchema,
  liveStateSchema,
  outputInfoSchema,
  type RecordedInfo,
  recordedInfoSchema,
  type TaskInfo,
} from './info.js'
import { isPlainObject } from './json.js'
import { quickClientCount, quickRecorded, quickStreams } from './quick-fits.js'
import { describeInvalid, validate } from './validate.js'

/** Told, in words, of a value that does not fit and is dropped: `command must be an array, got 5`. */
export type OnMisfit = (words: string) => void

/** A map that was just received, which nobody else holds: it is changed in place, since copies cost more than all checks. */
type Told = Record<string, unknown>

/** How the value of one key is checked: `isUsual` says yes, or the schema decides. */
interface Check<K> {
  readonly key: K
  readonly isUsual: (value: unknown) => boolean
  readonly schema: v.GenericSchema
}

/**
 * Makes what a supervisor tells of its task fit to be used: it may be custom, older or hostile. For a key of the contract that
 * is missing, or has a value that does not fit, stands what says least; keys of the supervisor's own stay as they are.
 *
 * @param pid the supervisor's, by the name of its socket; NaN where that has none.
 */
export function soundInfo(told: Told, pid: number, onMisfit: OnMisfit): TaskInfo {
  soundRecordedInfo(told, pid, onMisfit)
  fit(told, CLIENT_COUNT, leastCount, onMisfit)
  if (!Object.hasOwn(told, 'streams') || !isPlainObject(told.streams)) {
    if (told.streams !== undefined) onMisfit('streams is no map')
    told.streams = {}
  }
  fit(told.streams as Told, STREAMS, leastStreams, onMisfit, 'streams.')
  return told as TaskInfo
}

/** The same for the info in a record. */
export function soundRecordedInfo(told: Told, pid: number, onMisfit: OnMisfit): RecordedInfo {
  fit(told, RECORDED, leastInfo, onMisfit)
  // The name of the socket says it, and the name is how the task is reached.
  if (Number.isSafeInteger(pid)) told.supervisorPid = pid
  return told as RecordedInfo
}

/** That a task is lost, only what is left of it in the directory can tell. */
const RECORDED = checksOf({ ...recordedInfoSchema.entries, state: liveStateSchema }, quickRecorded)
const CLIENT_COUNT = checksOf({ clientCount: countSchema }, quickClientCount)
const STREAMS = checksOf({ 0: inputInfoSchema, 1: outputInfoSchema, 2: outputInfoSchema }, quickStreams)

function leastInfo() {
  return {
    taskId: '',
    supervisorPid: 0,
    pid: null,
    meta: {},
    command: [],
    cwd: '',
    behavior: 'daemon',
    lockfile: null,
    state: 'unknown',
    run: 0,
    restarts: 0,
    restart: { on: 'never', delayMs: 1_000, maxDelayMs: 60_000, factor: 2, maxRestarts: 10, resetAfterMs: 60_000 },
    createdAt: 0,
    startedAt: null,
    exitedAt: null,
    exitStatus: null,
    exitOffsets: null,
    nextStartAt: null,
    failure: null,
    stdio: 'pipe',
    protocol: 0,
    software: '',
    features: [],
  } satisfies RecordedInfo
}

function leastCount() {
  return { clientCount: 0 }
}

function leastStreams() {
  const output = { firstOffset: 0, endOffset: 0, runOffset: 0, discarded: 0, eof: false, blocked: false, error: null }
  const input: InputInfo = { acceptedOffset: 0, writtenOffset: 0, discarded: 0, closed: false, error: null }
  return { 0: input, 1: output, 2: { ...output } } satisfies TaskInfo['streams']
}

function fit<K extends string>(
  told: Told,
  checks: readonly Check<K>[],
  least: () => Readonly<Record<K, unknown>>,
  onMisfit: OnMisfit,
  path = '',
): void {
  for (const { key, isUsual, schema } of checks) {
    const value = Object.hasOwn(told, key) ? told[key] : undefined
    if (value !== undefined && isUsual(value)) continue
    const { value: fits, invalid } = value === undefined ? {} : validate(schema, value)
    told[key] = fits ?? least()[key]
    if (invalid !== undefined) {
      onMisfit(describeInvalid({ ...invalid, path: [path + key, invalid.path].filter(Boolean).join('.') }))
    }
  }
}

function checksOf<K extends PropertyKey>(
  schemas: Readonly<Record<K, v.GenericSchema>>,
  usual: Readonly<Record<K, (value: unknown) => boolean>>,
): Check<K & string>[] {
  return (Object.keys(schemas) as (K & string)[]).map((key) => ({ key, isUsual: usual[key], schema: schemas[key] }))
}
