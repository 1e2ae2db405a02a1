import {
  type BgTaskError,
  type ErrorCode,
  isBgTaskError,
  type LockHeldError,
  type LockHolder,
  type TimeoutError,
} from '@bgtask/protocol'
import type { RpcPeer } from '@bgtask/protocol/rpc'
import { expectTypeOf, test } from 'vitest'

test('isBgTaskError narrows to the class of the code', () => {
  const error: unknown = undefined
  if (isBgTaskError(error, 'ERR_BGTASK_LOCK_HELD')) {
    expectTypeOf(error).toEqualTypeOf<LockHeldError>()
    expectTypeOf(error.holder).toEqualTypeOf<LockHolder | undefined>()
  }
  if (isBgTaskError(error, 'ERR_BGTASK_TIMEOUT')) expectTypeOf(error).toEqualTypeOf<TimeoutError>()
  if (isBgTaskError(error)) {
    expectTypeOf(error).toEqualTypeOf<BgTaskError>()
    expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
  }
  // @ts-expect-error: not a code
  isBgTaskError(error, 'ERR_BGTASK_NOTHING')
})

test('results of calls are unknown until they are validated', () => {
  expectTypeOf<ReturnType<RpcPeer['call']>>().toEqualTypeOf<Promise<unknown>>()
  expectTypeOf<ReturnType<RpcPeer['notify']>>().toEqualTypeOf<boolean>()
})
