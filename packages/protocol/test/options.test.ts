import { countSchema, parseOptions } from '@bgtask/protocol'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'

const schema = v.strictObject({
  from: v.optional(countSchema, 0),
  at: v.optional(v.strictObject({ seq: countSchema })),
  free: v.optional(v.unknown()),
})

class Mine {
  from = 1
}

test.for<[title: string, options: object, parsed: object]>([
  ['nothing', {}, { from: 0 }],
  ['known options', { from: 1, at: { seq: 0 }, free: Number.NaN }, { from: 1, at: { seq: 0 }, free: Number.NaN }],
  ['options that are undefined', { from: undefined, at: undefined }, { from: 0, at: undefined }],
  ['an object without a prototype', Object.assign(Object.create(null), { from: 1 }), { from: 1 }],
  ['an instance of a class', new Mine(), { from: 1 }],
])('parseOptions takes %s and fills in defaults', ([, options, parsed]) => {
  expect(parseOptions(schema, options)).toEqual(parsed)
})

describe('parseOptions names what is wrong:', () => {
  test.for<[title: string, value: unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['text', 'text'],
    ['an array', [{}]],
    ['a function', () => {}],
    ['a signal', AbortSignal.abort()],
    ['a map', new Map()],
    ['a promise', Promise.resolve({})],
  ])('%s in place of the options', ([, value]) => {
    const invalid = (option: string) =>
      expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option, got: value })
    expect(() => parseOptions(schema, value)).toThrow(invalid('options'))
    expect(() => parseOptions(schema, value, 'restart')).toThrow(invalid('restart'))
  })

  test.for<[options: unknown, name: string | undefined, option: string, message: string]>([
    [{ form: 1 }, undefined, 'form', "form is not a known option, got 'form'"],
    [{ form: undefined }, 'restart', 'restart.form', "restart.form is not a known option, got 'form'"],
    [{ toString: 1 }, undefined, 'toString', "toString is not a known option, got 'toString'"],
    [JSON.parse('{ "__proto__": 1 }'), undefined, '__proto__', "__proto__ is not a known option, got '__proto__'"],
    [{ from: '1' }, undefined, 'from', "from must be a number, got '1'"],
    [{ from: -1 }, undefined, 'from', 'from must be >=0, got -1'],
    [{ from: 1.5 }, undefined, 'from', 'from must be a whole number, got 1.5'],
    [{ from: Number.NaN }, undefined, 'from', 'from must be a number, got NaN'],
    [{ at: {} }, undefined, 'at.seq', 'at.seq is missing, got undefined'],
    [{ at: { seq: 0, sqe: 1 } }, 'restart', 'restart.at.sqe', "restart.at.sqe is not a known option, got 'sqe'"],
  ])('%j as %s', ([options, name, option, message]) => {
    expect(() => parseOptions(schema, options, name)).toThrow(
      expect.objectContaining({ code: 'ERR_BGTASK_INVALID_OPTION', option, message }),
    )
  })
})
