import { isPlainObject, soundInfo, taskInfoSchema, validate } from '@bgtask/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inputInfoSchema, outputInfoSchema, recordedInfoSchema } from '../../src/contract/info.js'
import { quickRecorded, quickStreams } from '../../src/contract/quick-fits.js'

const WHOLE = {
  taskId: '00112233445566778899aabbccddeeff',
  supervisorPid: 42,
  pid: 43,
  meta: { name: 'x', deep: { list: [1, null] } },
  command: ['/bin/sh', '-c', 'true'],
  cwd: '/',
  behavior: 'background',
  lockfile: '/l',
  state: 'exited',
  run: 2,
  restarts: 1,
  restart: { on: 'always', delayMs: 1, maxDelayMs: 2, factor: 1.5, maxRestarts: null, resetAfterMs: 3 },
  createdAt: 1,
  startedAt: 2,
  exitedAt: 3,
  exitStatus: { exitCode: null, signal: 'SIGTERM', cause: 'stopped' },
  exitOffsets: { 1: 0, 2: 5 },
  nextStartAt: null,
  failure: null,
  stdio: 'socket',
  spool: null,
  lingerMs: null,
  retiredAt: null,
  protocol: 1,
  software: 'test/1',
  features: ['pty'],
  clientCount: 1,
  streams: {
    0: { acceptedOffset: 1, writtenOffset: 1, discarded: 0, closed: true, error: null },
    1: { firstOffset: 0, endOffset: 9, runOffset: 3, discarded: 0, eof: true, blocked: false, error: null },
    2: { firstOffset: 0, endOffset: 9, runOffset: 3, discarded: 0, eof: true, blocked: false, error: 'EIO' },
  },
}

function sound(told: Record<string, unknown>, pid = 42) {
  const misfits: string[] = []
  // As a message has it: no part is a part of another one.
  const copies = Object.entries(told).map(([key, value]) => [key, structuredClone(value)])
  return { info: soundInfo(Object.fromEntries(copies), pid, (words) => misfits.push(words)), misfits }
}

test('an info that fits is what it was, with keys of its own', () => {
  const told = { ...WHOLE, gitCommit: 'abc', nested: { own: [1] } }
  expect(sound(told)).toEqual({ info: told, misfits: [] })
})

// `bgtask info` ended with a RangeError, and the page of the console too: the last moment of a Date is earlier than 2^53.
test('a time that no date can be is dropped and reported', () => {
  const late = 8.64e15 + 1
  const { info, misfits } = sound({ ...WHOLE, createdAt: late, startedAt: late, exitedAt: late, nextStartAt: late })
  expect(info).toMatchObject({ createdAt: 0, startedAt: null, exitedAt: null, nextStartAt: null })
  expect(misfits).toHaveLength(4)
  expect(sound({ ...WHOLE, createdAt: 8.64e15 }).misfits).toEqual([])
})

test('what is missing stands for the least, and is no misfit', () => {
  const { info, misfits } = sound({ a: 1 })
  expect(misfits).toEqual([])
  expect(info).toMatchObject({
    a: 1,
    taskId: '',
    supervisorPid: 42,
    pid: null,
    command: [],
    meta: {},
    state: 'unknown',
  })
  expect(info.streams[1]).toMatchObject({ endOffset: 0, eof: false })
})

const ROWS: readonly [key: string, told: unknown, instead: unknown][] = [
  ['command', 5, []],
  ['command', ['a', 5], []],
  ['state', '\u001b]52;c;aGk=\u0007', 'unknown'],
  ['state', 'lost', 'unknown'],
  ['exitStatus', { exitCode: 0, signal: '\u001b[2J', cause: 'exit' }, null],
  ['exitStatus', { exitCode: 0, signal: `SIG${'A'.repeat(99)}`, cause: 'exit' }, null],
  ['exitStatus', 'bad', null],
  ['taskId', '../../etc', ''],
  ['taskId', 5, ''],
  ['pid', -1, null],
  ['pid', 1.5, null],
  ['meta', ['x'], {}],
  ['meta', { bytes: Buffer.from('x') }, {}],
  ['meta', { long: 'x'.repeat(70_000) }, {}],
  ['behavior', 'evil', 'daemon'],
  ['restart', { on: 'sometimes' }, { on: 'never' }],
  ['createdAt', 'yesterday', 0],
  ['exitOffsets', { 1: 'x' }, null],
  ['features', 'pty', []],
  ['clientCount', {}, 0],
  ['supervisorPid', 1, 42],
]

test.each(ROWS)('a %s that is %j is dropped, and the rest is kept', (key, told, instead) => {
  const { info, misfits } = sound({ ...WHOLE, [key]: told })
  if (isPlainObject(instead)) expect(info[key]).toMatchObject(instead)
  else expect(info[key]).toEqual(instead)
  expect({ ...info, [key]: 0 }).toEqual({ ...WHOLE, [key]: 0 })
  if (key !== 'supervisorPid') expect(misfits).toEqual([expect.stringMatching(new RegExp(`^${key}`))])
})

test('a stream that does not fit is dropped alone', () => {
  const streams = { ...WHOLE.streams, 1: { endOffset: 'x' } }
  const { info, misfits } = sound({ ...WHOLE, streams })
  expect(info.streams).toEqual({ ...WHOLE.streams, 1: expect.objectContaining({ endOffset: 0, error: null }) })
  expect(misfits).toEqual([expect.stringContaining('streams.1')])
  expect(sound({ ...WHOLE, streams: 7 }).info.streams[2]).toMatchObject({ endOffset: 0 })
})

test('keys that objects inherit are not taken for told, and pollute nothing', () => {
  const told = JSON.parse('{"__proto__":{"polluted":1,"command":["x"]},"constructor":{"prototype":{}}}')
  const { info } = sound(told)
  expect(Object.keys(info)).toEqual(expect.arrayContaining(['__proto__', 'constructor']))
  expect([info.command, (info as { polluted?: number }).polluted]).toEqual([[], undefined])
})

describe('whatever is told', () => {
  const anything = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true }),
    fc.constantFrom(...Object.values(WHOLE), ...Object.values(WHOLE.streams), '', 0, -1, 2 ** 53),
  )
  const key = fc.oneof(fc.constantFrom(...Object.keys(WHOLE)), fc.string())

  test('the info fits its schema', () => {
    fc.assert(
      fc.property(fc.dictionary(key, anything), (changes) => {
        const { info } = sound({ ...WHOLE, ...changes })
        const { invalid } = validate(taskInfoSchema, { ...info, taskId: info.taskId || WHOLE.taskId })
        expect(invalid).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test.each(Object.keys(quickRecorded))('a %s that is usual fits its schema, unchanged', (name) => {
    const schema = recordedInfoSchema.entries[name as keyof typeof quickRecorded]
    const isUsual = quickRecorded[name as keyof typeof quickRecorded]
    expect(isUsual(WHOLE[name as keyof typeof WHOLE]), 'the usual value').toBe(true)
    fc.assert(
      fc.property(fc.oneof(anything, mutated(WHOLE[name as keyof typeof WHOLE])), (value) => {
        if (isUsual(value)) expect(validate(schema, value)).toEqual({ value })
      }),
      { numRuns: 300 },
    )
  })

  test.each([0, 1, 2] as const)('a stream %i that is usual fits its schema, unchanged', (id) => {
    const schema = id === 0 ? inputInfoSchema : outputInfoSchema
    expect(quickStreams[id](WHOLE.streams[id])).toBe(true)
    fc.assert(
      fc.property(fc.oneof(anything, mutated(WHOLE.streams[id])), (value) => {
        if (quickStreams[id](value)) expect(validate(schema, value)).toEqual({ value })
      }),
      { numRuns: 300 },
    )
  })

  /** A map with some values replaced, left out or added; the value itself where it is none. */
  function mutated(value: unknown): fc.Arbitrary<unknown> {
    if (!isPlainObject(value)) return fc.constant(value)
    return fc
      .dictionary(fc.constantFrom(...Object.keys(value), 'more'), anything, { maxKeys: 2 })
      .map((changes) => ({ ...value, ...changes }))
  }
})
