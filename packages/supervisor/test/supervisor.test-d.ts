import { defaultSupervisorCmd, runSupervisor, supervisorCommand } from '@bgtask/supervisor'
import { expectTypeOf, test } from 'vitest'

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
