import { expect, test } from 'vitest'
import { RateMeter } from '../../src/tasks/rate-meter.js'

test('a rate is known from the second sample on, and covers the last four', () => {
  const meter = new RateMeter()
  expect(meter.add(1_000, 0)).toBeUndefined()
  expect(meter.add(3_000, 2_000)).toBe(1_000)
  expect(meter.add(3_000, 4_000)).toBe(500)
  expect(meter.add(3_000, 6_000)).toBe(333)
  expect(meter.add(3_000, 8_000)).toBe(0)
})
