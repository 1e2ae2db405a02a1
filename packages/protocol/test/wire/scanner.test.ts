import { isBgTaskError } from '@bgtask/protocol'
import { MESSAGE_LIMITS, MessageScanner } from '@bgtask/protocol/rpc'
import fc from 'fast-check'
import { Packr } from 'msgpackr/pack'
import { expect, test } from 'vitest'

const oracle = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'bigint' })

/** All that msgpackr writes as plain MessagePack. */
const plainValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -1, 127, 128, 255, 256, 65_535, 65_536, -32, -33, -129, -32_769),
    fc.integer(),
    fc.double(),
    fc.maxSafeInteger().map(BigInt),
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 20 }),
  ),
})).value

/** Sizes of the chunks that a stream is cut into; the last one repeats. */
const chunkSizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 })

interface Scanned {
  messages: string[]
  error?: string
}

function scan(bytes: Uint8Array, sizes: number[], scanner = new MessageScanner()): Scanned {
  const messages: string[] = []
  try {
    for (let at = 0, index = 0; at < bytes.length; index++) {
      const size = sizes[Math.min(index, sizes.length - 1)] as number
      scanner.push(bytes.subarray(at, at + size))
      at += size
      for (let message = scanner.next(); message !== undefined; message = scanner.next()) messages.push(hex(message))
    }
    return { messages }
  } catch (error) {
    if (!isBgTaskError(error, 'ERR_BGTASK_PROTOCOL')) throw error
    return { messages, error: error.message }
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('finds the messages of a stream however it is cut', () => {
  fc.assert(
    fc.property(fc.array(plainValue, { maxLength: 6 }), chunkSizes, (values, sizes) => {
      const packed = values.map((value) => Buffer.from(oracle.pack(value)))
      expect(scan(Buffer.concat(packed), sizes)).toEqual({ messages: packed.map(hex) })
    }),
    { numRuns: 300 },
  )
})

test('takes a damaged stream the same way however it is cut, and delivers only what msgpackr reads as one value', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(plainValue, { minLength: 1, maxLength: 4 }), damage, chunkSizes, (values, places, sizes) => {
      const bytes = Buffer.concat(values.map((value) => Buffer.from(oracle.pack(value))))
      for (const [place, byte] of places) bytes[place % bytes.length] = byte
      const whole = scan(bytes, [bytes.length])
      expect(scan(bytes, sizes)).toEqual(whole)
      for (const message of whole.messages) expect(() => oracle.unpack(Buffer.from(message, 'hex'))).not.toThrow()
    }),
    { numRuns: 500 },
  )
})

test('takes arbitrary bytes without any error but its own', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), chunkSizes, (bytes, sizes) => {
      expect(scan(bytes, sizes)).toEqual(scan(bytes, [1]))
    }),
    { numRuns: 1000 },
  )
})

const MIB = 1024 * 1024
const nested = (levels: number) => `${'91'.repeat(levels)}c0`

test.each([
  ['ext 8', 'c7', 'type 0xc7'],
  ['ext 16', 'c8', 'type 0xc8'],
  ['ext 32', 'c9', 'type 0xc9'],
  ['fixext 1 (what msgpackr writes for undefined)', 'd40000', 'type 0xd4'],
  ['fixext 2', 'd5', 'type 0xd5'],
  ['fixext 4', 'd6', 'type 0xd6'],
  ['fixext 8', 'd7', 'type 0xd7'],
  ['fixext 16', 'd8', 'type 0xd8'],
  ['the reserved byte', 'c1', 'type 0xc1'],
  ['str 32 of 4 GiB', 'dbffffffff', '1048576 bytes'],
  ['bin 32 of 1 MiB and its header', 'c600100000', '1048576 bytes'],
  ['array 32 of 4 G items', 'ddffffffff', '65536 elements'],
  ['array 32 of 65,537 items', 'dd00010001', '65536 elements'],
  ['map 32 of 4 G entries', 'dfffffffff', '65536 elements'],
  ['items summed over arrays', `92dc8000${'c0'.repeat(32_768)}dc7fff`, '65536 elements'],
  ['array in 32 others', nested(33), '32 levels'],
  ['map in 32 others', `${'81a161'.repeat(32)}80`, '32 levels'],
  ['a thousand levels', '91'.repeat(1000), '32 levels'],
  ['a number as map key', '8101', 'a map key'],
  ['nil as map key', '81c0', 'a map key'],
  ['an array as map key', '8190', 'a map key'],
  ['bin as map key', '81c400', 'a map key'],
  ['a second map key that is a number', '82a161c001', 'a map key'],
  ['uint64 2^53', 'cf0020000000000000', '2^53 - 1'],
  ['uint64 2^64 - 1', 'cfffffffffffffffff', '2^53 - 1'],
  ['int64 -2^53', 'd3ffe0000000000000', '2^53 - 1'],
  ['int64 -2^63', 'd38000000000000000', '2^53 - 1'],
])('refuses %s as soon as its header is there', (_, stream, words) => {
  const bytes = Buffer.from(stream, 'hex')
  for (const sizes of [[bytes.length], [1]]) {
    expect(scan(bytes, sizes)).toEqual({ messages: [], error: expect.stringContaining(words) })
  }
})

test.each([
  ['1 MiB with its header', Buffer.concat([Buffer.from('c6000ffffb', 'hex'), Buffer.alloc(MIB - 5)])],
  ['65,536 items', Buffer.concat([Buffer.from('dd00010000', 'hex'), Buffer.alloc(65_536)])],
  ['32 levels', Buffer.from(nested(32), 'hex')],
  ['empty array in 31 others', Buffer.from(`${'91'.repeat(31)}90`, 'hex')],
  ['uint64 2^53 - 1', Buffer.from('cf001fffffffffffff', 'hex')],
  ['int64 -2^53 + 1', Buffer.from('d3ffe0000000000001', 'hex')],
  ['int64 -1', Buffer.from('d3ffffffffffffffff', 'hex')],
  ['a map with keys of every width', Buffer.from('84a161c0d90162c0da000163c0db0000000164c0', 'hex')],
])('passes %s', (_, bytes) => {
  expect(scan(bytes, [bytes.length])).toEqual({ messages: [hex(bytes)] })
  expect(scan(bytes, [7, 4096])).toEqual({ messages: [hex(bytes)] })
})

test('counts elements anew for each message', () => {
  const message = Buffer.concat([Buffer.from('dc9000', 'hex'), Buffer.alloc(0x9000)])
  const { messages, error } = scan(Buffer.concat([message, message, message]), [50_000])
  expect([messages.length, error]).toEqual([3, undefined])
})

test('takes a message of 1 MiB byte by byte (a rescan or copy for each chunk would take days)', () => {
  const strings = Buffer.concat(
    Array.from({ length: 65_535 }, () => Buffer.from('ae6162636465666768696a6b6c6d6e', 'hex')),
  )
  const message = Buffer.concat([Buffer.from('dd0000ffff', 'hex'), strings])
  expect(message.length).toBeGreaterThan(0.9 * MIB)
  expect(scan(message, [1]).messages).toHaveLength(1)
})

test('delivers whole messages of a chunk as views of it, without a copy', () => {
  const chunk = Buffer.from('93010203c0a161', 'hex')
  const scanner = new MessageScanner()
  scanner.push(chunk)
  const messages = [scanner.next(), scanner.next(), scanner.next()]
  expect(messages.map((message) => message && [message.buffer === chunk.buffer, message.length])).toEqual([
    [true, 4],
    [true, 1],
    [true, 2],
  ])
  expect(scanner.next()).toBeUndefined()
})

test('never writes into a message that it has delivered', () => {
  const scanner = new MessageScanner()
  const kept: { view: Buffer; bytes: string }[] = []
  const stream = Buffer.concat(Array.from({ length: 200 }, (_, n) => Buffer.from(oracle.pack(`message ${n}`))))
  for (let at = 0; at < stream.length; at += 7) {
    scanner.push(Buffer.from(stream.subarray(at, at + 7)))
    for (let view = scanner.next(); view !== undefined; view = scanner.next()) kept.push({ view, bytes: hex(view) })
  }
  expect(kept).toHaveLength(200)
  expect(kept.map(({ view }) => hex(view))).toEqual(kept.map(({ bytes }) => bytes))
})

test('delivers what came before a broken message, then fails for ever', () => {
  const scanner = new MessageScanner()
  scanner.push(Buffer.from('0102c1', 'hex'))
  expect([scanner.next(), scanner.next()].map((message) => message && hex(message))).toEqual(['01', '02'])
  expect(() => scanner.next()).toThrow('type 0xc1')
  scanner.push(Buffer.from('03', 'hex'))
  expect(() => scanner.next()).toThrow('type 0xc1')
  expect(scanner.pendingBytes).toBe(0)
})

test('holds other limits where they are given', () => {
  const scanner = new MessageScanner({ ...MESSAGE_LIMITS, maxMessageBytes: 8 })
  scanner.push(Buffer.from('a7', 'hex'))
  expect(scanner.next()).toBeUndefined()
  expect(scanner.pendingBytes).toBe(1)
  scanner.push(Buffer.from('61626364656667a8', 'hex'))
  expect(scanner.next()).toHaveLength(8)
  expect(() => scanner.next()).toThrow('more than 8 bytes')
})
