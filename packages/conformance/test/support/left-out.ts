import { type NeedName, needs } from '@bgtask/testkit'
import { expect } from 'vitest'

/** What a check lacks that was skipped, and which need of the tests that is. */
const NEEDS: Readonly<Record<string, NeedName>> = {
  'needs the program flock': 'flock',
  'needs python3 to take such a lock': 'python3-msgpack',
  'needs python3 to end a main thread': 'python3',
  'needs python3 to hold a process as a debugger does': 'python3',
  'needs leave to hold a process as a debugger does': 'root',
}

/** Reasons that no machine can remove. */
const NOT_OF_THE_MACHINE = [/^the supervisor does not have the feature /, /^needs a machine that is less busy$/]

/** Reports at the end of the run what a skipped check lacks; fails if the machine has it. */
export function tellLeftOut(skipped: string): void {
  if (NOT_OF_THE_MACHINE.some((reason) => reason.test(skipped))) return
  expect(NEEDS).toHaveProperty([skipped])
  expect(needs(NEEDS[skipped] as NeedName)).toBe(false)
}
