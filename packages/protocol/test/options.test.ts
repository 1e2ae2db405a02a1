import { checkOptions, countSchema, type KnownOptions, mergedPositionSchema } from '@bgtask/protocol'
import { expect, test } from 'vitest'

interface Options {
  readonly from?: number
  readonly at?: object
  readonly free?: unknown
}

const KNOWN: KnownOptions<Options> = { from: countSchema, at: mergedPositionSchema, free: true }

class Mine {
  from = 1
}

test.for<[title: string, options: Options]>([
  ['nothing', {}],
  ['what is known and right', { from: 1, at: { seq: 0 }, free: Number.NaN }],
  ['what is left out by undefined', { from: undefined, at: undefined }],
  ['an object without a prototype', Object.assign(Object.create(null), { from: 1 })],
  ["an instance of a class of one's own", new Mine()],
])('%s is returned as it is', ([, options]) => {
  expect(checkOptions(options, KNOWN)).toBe(options)
})

test.for<[options: unknown, name: string | undefined, option: string, message: string]>([
  [undefined, undefined, 'options', 'options must be an object, got undefined'],
  [null, 'restart', 'restart', 'restart must be an object, got null'],
  [[], undefined, 'options', 'options must be an object, got []'],
  [{ form: 1 }, undefined, 'form', 'form is not a known option, got 1'],
  [{ form: undefined }, 'restart', 'restart.form', 'restart.form is not a known option, got undefined'],
  [{ toString: 1 }, undefined, 'toString', 'toString is not a known option, got 1'],
  [JSON.parse('{ "__proto__": 1 }'), undefined, '__proto__', '__proto__ is not a known option, got 1'],
  [{ from: '1' }, undefined, 'from', "from must be a number, got '1'"],
  [{ at: {} }, undefined, 'at.seq', 'at.seq is missing, got undefined'],
  [{ at: { seq: 0, sqe: 1 } }, 'restart', 'restart.at.sqe', "restart.at.sqe is not a known key, got 'sqe'"],
])('of %j as %s, %s is refused', ([options, name, option, message]) => {
  expect(() => checkOptions(options as Options, KNOWN, name)).toThrow(
    expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option, message }),
  )
})
