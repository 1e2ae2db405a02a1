import { normalizeSignal } from '@bgtask/os'
import { expectTypeOf, test } from 'vitest'

test('signals are names or numbers, and come out as names', () => {
  expectTypeOf(normalizeSignal).parameter(0).toEqualTypeOf<string | number>()
  expectTypeOf(normalizeSignal).returns.toEqualTypeOf<NodeJS.Signals>()
})
