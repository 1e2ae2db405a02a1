import { killSignalSchema } from '@bgtask/client'
import { isBgTaskError, parseOption } from '@bgtask/protocol'
import { expect, test } from 'vitest'

const normalizeSignal = (signal: unknown, option = 'killSignal') => parseOption(killSignalSchema, signal, option)

test.each([
  ['INT', 'SIGINT'],
  ['SIGINT', 'SIGINT'],
  [2, 'SIGINT'],
  ['KILL', 'SIGKILL'],
  [9, 'SIGKILL'],
  ['USR1', 'SIGUSR1'],
  [6, 'SIGABRT'],
  ['SIGIOT', 'SIGIOT'],
])('%j is %s', (signal, name) => {
  expect(normalizeSignal(signal)).toBe(name)
})

test.each(['', 'SIG', 'int', 'SIGSIGINT', 'FOO', '2', 'toString', '__proto__', 0, -2, 2.5, 9999, Number.NaN])(
  '%j is no signal',
  (signal) => {
    expect(() => normalizeSignal(signal, 'stop[0].killSignal')).toThrow('stop[0].killSignal must be the name or number')
  },
)

test.each([null, undefined, {}, Symbol('INT')])('%o is no signal, whatever its type', (signal) => {
  try {
    normalizeSignal(signal)
  } catch (error) {
    expect(isBgTaskError(error, 'ERR_BGTASK_INVALID_OPTION') && error.got).toBe(signal)
    return
  }
  expect.unreachable()
})
