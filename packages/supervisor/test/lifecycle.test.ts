import type { ExitStatus, LiveState, RestartPolicy } from '@bgtask/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyMergePatch } from '../src/lifecycle/merge-patch.js'
import { decideRestart } from '../src/lifecycle/restart.js'
import { LIFECYCLE, type LifecycleEvent, nextState } from '../src/lifecycle/table.js'

const EVENTS: LifecycleEvent[] = [
  'starting',
  'started',
  'paused',
  'resumed',
  'ended',
  'retrying',
  'gaveUp',
  'cancelled',
  'terminating',
]

describe('the lifecycle table', () => {
  test('under any events: a child runs only after a start, and nothing follows a termination', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 }), (events) => {
        let state: LiveState = 'starting'
        for (const event of events) {
          const next = nextState(state, event)
          if (next === undefined) continue
          if (next === 'running') expect(['starting', 'paused']).toContain(state)
          if (next === 'paused') expect(state).toBe('running')
          if (state === 'terminating') expect(next).toBe('terminating')
          if (next === 'starting') expect(['backoff', 'exited', 'failed']).toContain(state)
          state = next
        }
      }),
    )
  })

  test('every state but the last can be terminated, and every state is in the table', () => {
    for (const [state, row] of Object.entries(LIFECYCLE)) {
      if (state !== 'terminating') expect(row.terminating, state).toBe('terminating')
    }
  })
})

const policy: RestartPolicy = {
  on: 'failure',
  delayMs: 100,
  maxDelayMs: 1_000,
  factor: 2,
  maxRestarts: 5,
  resetAfterMs: 10_000,
}
const failed: ExitStatus = { exitCode: 1, signal: null, cause: 'exit' }
const killed: ExitStatus = { exitCode: null, signal: 'SIGKILL', cause: 'signal' }
const timedOut: ExitStatus = { exitCode: 0, signal: null, cause: 'timeout' }
const succeeded: ExitStatus = { exitCode: 0, signal: null, cause: 'exit' }

describe('decideRestart', () => {
  test.each([
    ['never', failed, 'done'],
    ['failure', failed, 'restart'],
    ['failure', killed, 'restart'],
    ['failure', timedOut, 'restart'],
    ['failure', succeeded, 'done'],
    ['always', succeeded, 'restart'],
  ] as const)('on %s, after %o: %s', (on, status, action) => {
    expect(decideRestart({ ...policy, on }, status, 0, 5).action).toBe(action)
  })

  test('delays grow by the factor up to the maximum, then it gives up', () => {
    const delays = [0, 1, 2, 3, 4].map((inARow) => {
      const decision = decideRestart(policy, failed, inARow, 5)
      return decision.action === 'restart' ? decision.delayMs : decision.action
    })
    expect(delays).toEqual([100, 200, 400, 800, 1_000])
    expect(decideRestart(policy, failed, 5, 5)).toEqual({ action: 'giveUp' })
  })

  test('a run that lasted starts the count anew', () => {
    expect(decideRestart(policy, failed, 5, 10_000)).toEqual({ action: 'restart', delayMs: 100, inARow: 1 })
  })

  test('without a limit it never gives up, and the delay stays finite', () => {
    const decision = decideRestart({ ...policy, maxRestarts: null }, failed, 100_000, 5)
    expect(decision).toEqual({ action: 'restart', delayMs: 1_000, inARow: 100_001 })
  })
})

describe('applyMergePatch', () => {
  // The table of RFC 7396, appendix A, as far as targets and patches are objects.
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j patched with %j gives %j', (target, patch, result) => {
    expect(applyMergePatch(target, patch)).toEqual(result)
  })

  test('a key named __proto__ is a key like any other', () => {
    const patched = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'))
    expect(Object.keys(patched)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
