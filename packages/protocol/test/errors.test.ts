import {
  BgTaskError,
  CommandError,
  describeValue,
  InvalidOptionError,
  isBgTaskError,
  LaunchError,
  LaunchTimeoutError,
  LockHeldError,
  PathTooLongError,
  PermissionError,
  PlatformError,
  PoolDirError,
  ProtocolError,
  RemoteError,
  StdinClosedError,
  TaskGoneError,
  TimeoutError,
  UnsupportedError,
  WouldBlockError,
} from '@bgtask/protocol'
import { decode, encode, fromWireError, MESSAGE_LIMITS, toWireError } from '@bgtask/protocol/rpc'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'

const ERRORS: [BgTaskError, string, string, Record<string, unknown>][] = [
  [
    new InvalidOptionError('cwd', 7, 'must be a path'),
    'INVALID_OPTION',
    'cwd must be a path, got 7',
    { option: 'cwd', got: 7 },
  ],
  [
    new PoolDirError('/p', 'missing'),
    'POOL_DIR',
    'pool directory /p does not exist',
    { path: '/p', reason: 'missing' },
  ],
  [
    new PathTooLongError('/s', 200, 107),
    'PATH_TOO_LONG',
    '200 bytes, the limit is 107',
    { path: '/s', bytes: 200, limit: 107 },
  ],
  [new LaunchError('no\n', { exitCode: 3 }), 'LAUNCH', '(exit code 3): no', { stderr: 'no\n', exitCode: 3 }],
  [new LaunchError('', { signal: 'SIGKILL' }), 'LAUNCH', '(ended by SIGKILL)', { stderr: '', signal: 'SIGKILL' }],
  [new LaunchError('', { supervisor: 'sh x' }), 'LAUNCH', 'supervisor sh x failed to start', { supervisor: 'sh x' }],
  [
    new LaunchTimeoutError(50, '', { supervisor: 'sh x' }),
    'LAUNCH_TIMEOUT',
    'supervisor sh x was not ready within 50 ms',
    { timeoutMs: 50, supervisor: 'sh x' },
  ],
  [new LaunchTimeoutError(50, 'hm'), 'LAUNCH_TIMEOUT', 'within 50 ms: hm', { timeoutMs: 50, stderr: 'hm' }],
  [
    new LockHeldError('/l', { pid: 7, kind: 'fcntl' }),
    'LOCK_HELD',
    'lock file /l is held (pid 7, kind fcntl)',
    { lockfile: '/l', holder: { pid: 7, kind: 'fcntl' } },
  ],
  [new LockHeldError('/l'), 'LOCK_HELD', 'lock file /l is held', { lockfile: '/l' }],
  [new CommandError('x', 'not-found'), 'COMMAND', 'command not found: x', { command: 'x', reason: 'not-found' }],
  [
    new CommandError('x', 'bad-cwd', '/d'),
    'COMMAND',
    'directory /d of x',
    { command: 'x', reason: 'bad-cwd', cwd: '/d' },
  ],
  [new TaskGoneError(7, { path: '/s' }), 'TASK_GONE', 'task 7 is gone at /s', { pid: 7, path: '/s' }],
  [new TimeoutError(50, 'getInfo'), 'TIMEOUT', 'getInfo took longer than 50 ms', { timeoutMs: 50, what: 'getInfo' }],
  [new PermissionError('/p'), 'PERMISSION', '/p may not be accessed', { path: '/p' }],
  [new ProtocolError('nonsense'), 'PROTOCOL', 'nonsense', {}],
  [new UnsupportedError('m'), 'UNSUPPORTED', 'method m is not supported', { method: 'm' }],
  [new WouldBlockError('calling m'), 'WOULD_BLOCK', 'calling m would block', { what: 'calling m' }],
  [new StdinClosedError(), 'STDIN_CLOSED', 'the child has no open stdin', {}],
  [new PlatformError('bgtask', 'win32'), 'PLATFORM', 'bgtask is not supported on win32', { platform: 'win32' }],
]

test.each(ERRORS)('%s: has a code, a name, words and facts', (error, code, words, facts) => {
  expect(error).toBeInstanceOf(BgTaskError)
  expect(error.code).toBe(`ERR_BGTASK_${code}`)
  expect(error.name).toBe(error.constructor.name)
  expect(error.message).toContain(words)
  expect(error).toMatchObject(facts)
  expect(Object.keys(error)).not.toContain('name')
})

/** Codes of what only the caller's own side finds out. */
const CALLERS = ['POOL_DIR', 'LAUNCH', 'LAUNCH_TIMEOUT', 'TIMEOUT', 'STDIN_CLOSED']
const [ours, supervisors] = [true, false].map((own) => ERRORS.filter(([, code]) => CALLERS.includes(code) === own))

test.each(ours ?? [])('%s: a supervisor cannot pretend it', (error) => {
  expect(fromWireError(toWireError(error))).toMatchObject({ code: 'ERR_BGTASK_REMOTE', remoteCode: error.code })
})

test.each(supervisors ?? [])(
  '%s: comes back from the wire as its class with its facts and words',
  (error, _, __, facts) => {
    const revived = fromWireError(decode(encode(toWireError(error))))
    expect(revived.constructor).toBe(error.constructor)
    expect(revived).toMatchObject({ ...facts, code: error.code, message: error.message, name: error.name })
  },
)

test('keeps its cause, and keeps it at home', () => {
  const cause = new Error('why')
  const error = new PoolDirError('/p', 'unusable', 'is odd', { cause })
  expect(error.cause).toBe(cause)
  expect(JSON.stringify(toWireError(error))).not.toContain('why')
  expect('cause' in new PoolDirError('/p', 'missing')).toBe(false)
})

describe('isBgTaskError', () => {
  test('tells errors of another copy of the package', async () => {
    vi.resetModules()
    const copy = await import('@bgtask/protocol')
    const error = new copy.WouldBlockError('it')
    expect(error).not.toBeInstanceOf(WouldBlockError)
    expect(isBgTaskError(error)).toBe(true)
    expect(isBgTaskError(error, 'ERR_BGTASK_WOULD_BLOCK') && error.what).toBe('it')
    expect(isBgTaskError(error, 'ERR_BGTASK_REMOTE')).toBe(false)
    expect(fromWireError(toWireError(error))).toMatchObject({ code: 'ERR_BGTASK_WOULD_BLOCK', what: 'it' })
  })

  test.each([null, undefined, 'ERR_BGTASK_TIMEOUT', 1, {}, new Error('x'), { code: 'ERR_BGTASK_TIMEOUT' }])(
    '%o is none',
    (value) => {
      expect(isBgTaskError(value)).toBe(false)
    },
  )
})

describe('toWireError', () => {
  test('says what got was in plain words, however large or odd it is', () => {
    const odd = { f() {}, when: new Date(0), text: 'x'.repeat(2 ** 21) }
    for (const got of [odd, 'x'.repeat(2 ** 21), 10n ** 30n, Symbol('s')]) {
      const wire = toWireError(new InvalidOptionError('o'.repeat(2 ** 21), got))
      expect(encode(wire).length).toBeLessThan(MESSAGE_LIMITS.maxMessageBytes / 2)
      expect(fromWireError(wire)).toMatchObject({ code: 'ERR_BGTASK_INVALID_OPTION', got: expect.any(String) })
    }
  })

  test('passes a remote error on as it was', () => {
    const wire = { code: 'MY_CODE', message: 'mine', data: { deep: [1] } }
    expect(toWireError(fromWireError(wire))).toEqual(wire)
  })

  test.each([
    [Object.assign(new Error('gone'), { code: 'ENOENT' }), { code: 'ENOENT', message: 'gone' }],
    [new TypeError('oops'), { code: 'INTERNAL', message: 'oops' }],
    ['just words', { code: 'INTERNAL', message: 'just words' }],
    [undefined, { code: 'INTERNAL', message: 'undefined' }],
  ])('%o: %j', (error, wire) => {
    expect(toWireError(error)).toEqual(wire)
  })
})

describe('fromWireError', () => {
  test('an unknown code is a RemoteError', () => {
    const error = fromWireError({ code: 'ERR_BGTASK_NEWER', message: 'from the future', data: { a: 1 } })
    expect(error).toBeInstanceOf(RemoteError)
    expect(error).toMatchObject({ remoteCode: 'ERR_BGTASK_NEWER', message: 'from the future', data: { a: 1 } })
  })

  test.each([
    ['a text, as other MessagePack-RPC servers send', 'no such method', 'no such method'],
    ['a number', 5, '5'],
    ['an array', [1, 'x'], "[ 1, 'x' ]"],
    ['a map without code', { message: 'x' }, "{ message: 'x' }"],
  ])('%s is a RemoteError UNKNOWN', (_, wire, message) => {
    expect(fromWireError(wire)).toMatchObject({ code: 'ERR_BGTASK_REMOTE', remoteCode: 'UNKNOWN', message })
  })

  test.each(['__proto__', 'constructor', 'toString', 'ERR_BGTASK_REMOTE', ''])('the code %j is only a name', (code) => {
    expect(fromWireError({ code, message: 'x' })).toMatchObject({ code: 'ERR_BGTASK_REMOTE', remoteCode: code })
  })

  test('wrong fields are as good as missing ones, and none is taken from a prototype', () => {
    const data = { lockfile: 5, holder: { pid: 'x', kind: {} } }
    const error = fromWireError({ code: 'ERR_BGTASK_LOCK_HELD', message: [], data })
    expect(error).toMatchObject({ lockfile: '', message: 'ERR_BGTASK_LOCK_HELD' })
    expect((error as LockHeldError).holder).toEqual({})
    expect(fromWireError({ code: 'ERR_BGTASK_COMMAND', message: '', data: { reason: 'toString' } })).toMatchObject({
      reason: 'other',
    })
  })

  test('never throws, and gives an error of bgtask', () => {
    const code = fc.constantFrom(...ERRORS.map(([error]) => error.code), 'X')
    const hostile = fc.record(
      { code: fc.oneof(code, fc.anything()), message: fc.anything(), data: fc.anything() },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(hostile, fc.anything()), (wire) => {
        const error = fromWireError(wire)
        expect(isBgTaskError(error)).toBe(true)
        expect(typeof error.message).toBe('string')
        encode(toWireError(new ProtocolError(error.message)))
      }),
      { numRuns: 500 },
    )
  })
})

test('describeValue is short and on one line', () => {
  const text = describeValue({ a: 'x'.repeat(1000), b: Array(100).fill('y'.repeat(100)), c: { d: { e: 1 } } })
  expect(text.length).toBeLessThanOrEqual(200)
  expect(text).not.toContain('\n')
})
