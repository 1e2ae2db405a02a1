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

/** Gets a description of each value that does not fit and is dropped: `command must be an array, got 5`. */
export type OnMisfit = (words: string) => void

/** A map that was just received and has no other owner: it is changed in place, since copies cost more than all checks. */
type Received = Record<string, unknown>

/** How the value of one key is checked: `isUsual` says yes, or the schema decides. */
interface Check<K> {
  readonly key: K
  readonly isUsual: (value: unknown) => boolean
  readonly schema: v.GenericSchema
}

/**
 * Makes an info from a custom, older or hostile supervisor fit for use. A key of the contract that is missing or has an invalid
 * value gets a neutral one; further keys of the supervisor stay as they are.
 *
 * @param pid the supervisor's, from the name of its socket; NaN if the name has none.
 */
export function soundInfo(received: Received, pid: number, onMisfit: OnMisfit): TaskInfo {
  soundRecordedInfo(received, pid, onMisfit)
  fit(received, CLIENT_COUNT, leastCount, onMisfit)
  if (!Object.hasOwn(received, 'streams') || !isPlainObject(received.streams)) {
    if (received.streams !== undefined) onMisfit('streams is not a map')
    received.streams = {}
  }
  fit(received.streams as Received, STREAMS, leastStreams, onMisfit, 'streams.')
  return received as TaskInfo
}

/** The same for the info in a record. */
export function soundRecordedInfo(received: Received, pid: number, onMisfit: OnMisfit): RecordedInfo {
  fit(received, RECORDED, leastInfo, onMisfit)
  // The task is reached by the name of its socket, so the pid in that name counts.
  if (Number.isSafeInteger(pid)) received.supervisorPid = pid
  return received as RecordedInfo
}

/** A supervisor cannot report its own loss: readers of the directory find out. */
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
    spool: null,
    lingerMs: null,
    retiredAt: null,
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
  received: Received,
  checks: readonly Check<K>[],
  least: () => Readonly<Record<K, unknown>>,
  onMisfit: OnMisfit,
  path = '',
): void {
  for (const { key, isUsual, schema } of checks) {
    const value = Object.hasOwn(received, key) ? received[key] : undefined
    if (value !== undefined && isUsual(value)) continue
    const { value: fits, invalid } = value === undefined ? {} : validate(schema, value)
    received[key] = fits ?? least()[key]
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
