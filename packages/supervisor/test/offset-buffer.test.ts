import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OffsetBuffer } from '../src/streams/offset-buffer.js'

/** The plainest thing that keeps the newest bytes of a stream. */
class Oracle {
  all: number[] = []
  first = 0
  constructor(readonly capacity: number) {}
  append(bytes: Uint8Array) {
    for (const byte of bytes) this.all.push(byte)
    this.first = Math.max(this.first, this.all.length - this.capacity)
  }
  discard(upTo: number) {
    const before = this.first
    this.first = Math.min(Math.max(upTo, this.first), this.all.length)
    return this.first - before
  }
  read(from: number, maxBytes: number) {
    const offset = Math.min(Math.max(from, this.first), this.all.length)
    return { offset, data: Buffer.from(this.all.slice(offset, offset + maxBytes)) }
  }
}

/** `lend` asks for room, `take` is a read into it that ends some time later, whatever was appended meanwhile. */
type Step = { append: number } | { lend: number } | { take: number } | { discard: number } | { read: [number, number] }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ append: fc.oneof(fc.nat(300), fc.nat(200_000)) }) },
  { weight: 3, arbitrary: fc.record({ lend: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(65_536)) }) },
  { weight: 3, arbitrary: fc.record({ take: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(65_536)) }) },
  fc.record({ discard: fc.nat(400_000) }),
  fc.record({ read: fc.tuple(fc.nat(400_000), fc.integer({ min: 1, max: 150_000 })) }),
)

describe('OffsetBuffer', () => {
  test('keeps what a plain array would keep, under any sequence of appends, reads into its room, reads and discards', () => {
    let counter = 0
    const capacity = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 200_000 }))
    fc.assert(
      fc.property(capacity, fc.array(step, { maxLength: 20 }), (size, steps) => {
        const buffer = new OffsetBuffer(size)
        const oracle = new Oracle(size)
        let room: Uint8Array | undefined
        for (const one of steps) {
          if ('append' in one) {
            const bytes = Buffer.from(Array.from({ length: one.append }, () => counter++ & 0xff))
            buffer.append(bytes)
            oracle.append(bytes)
          } else if ('lend' in one) {
            room = buffer.reserve(one.lend)
            expect(room.length).toBeGreaterThan(0)
            expect(room.length).toBeLessThanOrEqual(one.lend)
          } else if ('take' in one) {
            if (room === undefined) continue
            const count = Math.min(one.take, room.length)
            for (let index = 0; index < count; index += 1) room[index] = counter++ & 0xff
            const bytes = Buffer.from(room.subarray(0, count))
            buffer.commit(room, count)
            oracle.append(bytes)
            // Whoever reads asks for new room after each read.
            room = undefined
          } else if ('discard' in one) {
            expect(buffer.discard(one.discard)).toBe(oracle.discard(one.discard))
          } else {
            const got = buffer.read(...one.read)
            const wanted = oracle.read(...one.read)
            expect(got.offset).toBe(wanted.offset)
            expect(Buffer.compare(got.data, wanted.data)).toBe(0)
          }
          expect([buffer.firstOffset, buffer.endOffset]).toEqual([oracle.first, oracle.all.length])
        }
        const everything = oracle.all.length
        expect(Buffer.compare(buffer.read(0, everything).data, oracle.read(0, everything).data)).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  test('an offset before or after what is kept is clamped, and the reply says so', () => {
    const buffer = new OffsetBuffer(4)
    buffer.append(Buffer.from('abcdef'))
    expect(buffer.read(0, 10)).toEqual({ offset: 2, data: Buffer.from('cdef') })
    expect(buffer.read(99, 10)).toEqual({ offset: 6, data: Buffer.alloc(0) })
  })
})
