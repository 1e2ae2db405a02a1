import { isBgTaskError } from '@bgtask/protocol'
import { decode, encode, MESSAGE_LIMITS, MessageScanner } from '@bgtask/protocol/rpc'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const hex = (value: unknown) => encode(value).toString('hex')
const read = (bytes: string) => decode(Buffer.from(bytes, 'hex'))

test.each([
  ['nil', null, 'c0'],
  ['booleans', [true, false], '92c3c2'],
  ['fixint', [0, 127, -1, -32], '94007fffe0'],
  ['8 bits', [128, 255, -33, -128], '94cc80ccffd0dfd080'],
  ['16 bits', [256, 65_535, -129, -32_768], '94cd0100cdffffd1ff7fd18000'],
  ['32 bits', [65_536, 2 ** 32 - 1, -32_769, -(2 ** 31)], '94ce00010000ceffffffffd2ffff7fffd280000000'],
  ['2^32 (msgpackr alone makes it a float)', 2 ** 32, 'd30000000100000000'],
  ['-2^31 - 1', -(2 ** 31) - 1, 'd3ffffffff7fffffff'],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER, 'd3001fffffffffffff'],
  ['the smallest safe integer', Number.MIN_SAFE_INTEGER, 'd3ffe0000000000001'],
  ['a float', 1.5, 'cb3ff8000000000000'],
  ['an integer that is not safe', 2 ** 53, 'cb4340000000000000'],
  ['strings', ['', 'ä', '😀'], '93a0a2c3a4a4f09f9880'],
  ['bin', Buffer.from('abc'), 'c403616263'],
  ['array', [[], [1]], '92909101'],
  ['map', { a: 1, '': {} }, '82a16101a080'],
])('%s: encodes to golden bytes and back', (_, value, bytes) => {
  expect(hex(value)).toBe(bytes)
  expect(read(bytes)).toEqual(value)
})

test.each([
  ['undefined in an object: left out', { a: undefined, b: 1 }, '81a16201'],
  ['undefined in an array: nil', [undefined, 1], '92c001'],
  ['a hole: nil', Object.assign(Array(2), { 1: 1 }), '92c001'],
  ['undefined itself: nil', undefined, 'c0'],
  ['-0: 0', -0, '00'],
  ['BigInt within the safe integers', [5n, 2n ** 40n], '9205d30000010000000000'],
  ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '81a16101'],
  ['Uint8Array', new Uint8Array([1, 2]), 'c4020102'],
  ['a lone surrogate, short', '\ud800', 'a3efbfbd'],
  ['a lone surrogate, long', `${'x'.repeat(64)}\ud800`, `d943${'78'.repeat(64)}efbfbd`],
  ['a lone surrogate in a key', { '\ud800': 1 }, '81a3efbfbd01'],
  ['own keys that look like methods', { constructor: 1, toJSON: 2, hasOwnProperty: 3 }, undefined],
])('%s', (_, value, bytes) => {
  if (bytes !== undefined) expect(hex(value)).toBe(bytes)
  else expect(decode(encode(value))).toEqual(value)
})

class Point {
  x = 1
}
const cycle: Record<string, unknown> = {}
cycle.self = cycle

test.each([
  ['a Date', { meta: { when: new Date(0) } }, 'meta.when', 'cannot be sent'],
  ['a Map', [{ a: [new Map()] }], '[0].a[0]', 'cannot be sent'],
  ['a Set', { a: new Set() }, 'a', 'cannot be sent'],
  ['a function', { a: () => 1 }, 'a', 'cannot be sent'],
  ['a symbol', { a: Symbol('s') }, 'a', 'cannot be sent'],
  ['an Error', { a: new Error('no') }, 'a', 'cannot be sent'],
  ['a class instance', { a: new Point() }, 'a', 'cannot be sent'],
  ['another typed array', { a: new Float64Array(2) }, 'a', 'cannot be sent'],
  ['a BigInt beyond', { a: 2n ** 53n }, 'a', 'within 2^53 - 1'],
  ['a negative BigInt beyond', { a: -(2n ** 64n) }, 'a', 'within 2^53 - 1'],
  ['a cycle', cycle, Array(32).fill('self').join('.'), 'refers to itself'],
  ['too many elements', { a: Array(65_536).fill(0) }, 'a', '65536 elements'],
  ['a string that is too long', { a: 'x'.repeat(2 ** 20 + 1) }, 'a', '1048576 bytes'],
  ['bytes that are too long', ['a', Buffer.alloc(2 ** 20)], '[1]', '1048576 bytes'],
  ['what is too long with its header', Buffer.alloc(2 ** 20), 'message', '1048576 bytes'],
  ['non-ASCII text that is too long in UTF-8', 'ä'.repeat(2 ** 20 - 10), 'message', '1048576 bytes'],
  ['a function itself', () => 1, 'message', 'cannot be sent'],
])('refuses %s, and says where', (_, value, option, rule) => {
  const error = thrown(() => encode(value))
  expect(isBgTaskError(error, 'ERR_BGTASK_INVALID_OPTION') && error.option).toBe(option)
  expect((error as Error).message).toContain(rule)
})

test('what it encodes passes a scanner with the same limits and decodes to the same', () => {
  const anything = fc.anything({ maxDepth: 5, withNullPrototype: true, withSparseArray: true, withTypedArray: true })
  fc.assert(
    fc.property(fc.oneof(anything, fc.jsonValue()), (value) => {
      let bytes: Buffer
      try {
        bytes = encode(value)
      } catch (error) {
        expect(isBgTaskError(error, 'ERR_BGTASK_INVALID_OPTION')).toBe(true)
        return
      }
      const scanner = new MessageScanner(MESSAGE_LIMITS)
      scanner.push(bytes)
      const message = scanner.next() as Buffer
      expect(message).toHaveLength(bytes.length)
      expect(hex(decode(message))).toBe(bytes.toString('hex'))
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['small', 'proto'],
  ['large, which is read without a copy', 'x'.repeat(5000)],
])('a key __proto__ becomes an own property and pollutes nothing (%s)', (_, pad) => {
  const sent = JSON.parse(
    `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"pad":"${pad}"}`,
  )
  const got = decode(encode([1, { deep: sent }])) as [number, { deep: Record<string, unknown> }]
  expect(Object.keys(got[1].deep)).toEqual(['__proto__', 'constructor', 'pad'])
  expect(Object.getPrototypeOf(got[1].deep)).toBe(Object.prototype)
  expect(got[1].deep.polluted).toBeUndefined()
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

test('a key __proto__ stays an own property where encoding copies its object', () => {
  const sent = JSON.parse('{"__proto__":5000000000,"gone":0}')
  sent.gone = undefined
  const got = decode(encode(sent)) as object
  expect(Object.entries(got)).toEqual([['__proto__', 5_000_000_000]])
})

test('leaves the value that it encodes as it is', () => {
  const value = Object.freeze({ a: undefined, b: Object.freeze([5_000_000_000, undefined]), c: '\ud800' })
  expect(decode(encode(value))).toEqual({ b: [5_000_000_000, null], c: '\ufffd' })
  expect(value).toEqual({ a: undefined, b: [5_000_000_000, undefined], c: '\ud800' })
})

test.each([
  ['invalid UTF-8, short', 'a3ff41c3', '\ufffdA\ufffd'],
  ['invalid UTF-8, long', `d946${'41'.repeat(68)}fffe`, `${'A'.repeat(68)}\ufffd\ufffd`],
  ['an encoded surrogate', 'a3eda080', '\ufffd\ufffd\ufffd'],
  ['uint64', 'cf0000000100000000', 2 ** 32],
  ['uint64 at the edge', 'cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['int64 at the edge', 'd3ffe0000000000001', Number.MIN_SAFE_INTEGER],
  ['float32', 'ca3fc00000', 1.5],
  ['a map key twice: the last one counts', '82a16101a16102', { a: 2 }],
])('reads %s', (_, bytes, value) => {
  expect(read(bytes)).toEqual(value)
})

test.each(['', '91', 'a2c3', '0101', 'd9ff41'])(
  'throws ProtocolError for bytes that are not one value (%j)',
  (bytes) => {
    expect(
      isBgTaskError(
        thrown(() => read(bytes)),
        'ERR_BGTASK_PROTOCOL',
      ),
    ).toBe(true)
  },
)

test.each([10, 10_000])('bin of %i bytes is a Buffer that later messages do not change', (length) => {
  const got = decode(encode([Buffer.alloc(length, 'a')])) as [Buffer]
  decode(encode([Buffer.alloc(length, 'b')]))
  expect(Buffer.isBuffer(got[0])).toBe(true)
  expect(got[0].equals(Buffer.alloc(length, 'a'))).toBe(true)
})

test('bytes that it returned are not changed by what is encoded later, large messages among them', () => {
  const encoded = [10, 70_000, 10, 5000, 300_000, 10].map((length) => {
    const bytes = encode('x'.repeat(length))
    return { bytes, copy: Buffer.from(bytes) }
  })
  for (const { bytes, copy } of encoded) expect(bytes.equals(copy)).toBe(true)
})

test('holds other limits where they are given, so that a launch spec may be larger than a message', () => {
  const value = ['x'.repeat(2 ** 21)]
  expect(encode(value, { ...MESSAGE_LIMITS, maxMessageBytes: 2 ** 22 })).toHaveLength(2 ** 21 + 6)
  expect(() => encode([1, 2], { ...MESSAGE_LIMITS, maxElements: 1 })).toThrow('1 elements')
})

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('it did not throw')
}
