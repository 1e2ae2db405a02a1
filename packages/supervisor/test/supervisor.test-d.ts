import type { ExitStatus, LiveState, OrderedChunk, RestartPolicy } from '@bgtask/protocol'
import { defaultSupervisorCmd, runSupervisor, supervisorCommand } from '@bgtask/supervisor'
import { expectTypeOf, test } from 'vitest'
import { decideRestart, type RestartDecision } from '../src/lifecycle/restart.js'
import { nextState } from '../src/lifecycle/table.js'
import { Lock } from '../src/lock/lock.js'
import { OffsetBuffer } from '../src/streams/offset-buffer.js'
import { OrderLog } from '../src/streams/order-log.js'

test('a supervisor of one’s own may tell its name and further facts', () => {
  expectTypeOf(runSupervisor).returns.toEqualTypeOf<Promise<void>>()
  expectTypeOf(runSupervisor).toBeCallableWith()
  expectTypeOf(runSupervisor).toBeCallableWith({ software: 'acme/1.0', info: () => ({ region: 'north' }) })
  // @ts-expect-error what the info is made of comes in time, or not at all
  void runSupervisor({ info: 'north' })
  // @ts-expect-error a typo
  void runSupervisor({ sofware: 'acme/1.0' })
})

test('commands are argvs', () => {
  expectTypeOf(defaultSupervisorCmd()).toEqualTypeOf<string[]>()
  expectTypeOf(supervisorCommand(['node', 'mine.js'] as const)).toEqualTypeOf<string[]>()
})

test('its parts', () => {
  expectTypeOf(nextState).parameter(0).toEqualTypeOf<LiveState>()
  expectTypeOf(nextState('running', 'ended')).toEqualTypeOf<LiveState | undefined>()
  // @ts-expect-error nothing of that kind happens
  nextState('running', 'exploded')

  expectTypeOf(decideRestart).parameters.toEqualTypeOf<[RestartPolicy, ExitStatus, number, number]>()
  const decision = {} as RestartDecision
  if (decision.action === 'restart') expectTypeOf(decision.delayMs).toEqualTypeOf<number>()

  expectTypeOf(new OffsetBuffer(10).read(0, 5)).toEqualTypeOf<{ offset: number; data: Buffer }>()
  expectTypeOf(new OrderLog().read(0, 5)).toEqualTypeOf<{ seq: number; chunks: OrderedChunk[] }>()
  expectTypeOf(Lock).constructorParameters.toEqualTypeOf<[path: string, taskId: string]>()
})
