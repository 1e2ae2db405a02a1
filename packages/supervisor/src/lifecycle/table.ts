import type { LiveState } from '@bgtask/protocol'

/**
 * What can happen to a task:
 * `started` the child's exec succeeded; `paused`/`resumed` the child was stopped by a signal, or went on;
 * `ended` it ended and stays so; `retrying` it ended, or could not be started, and a restart is pending; `gaveUp` no more restarts;
 * `starting` a start was asked for, or is due; `cancelled` the pending restart was called off; `terminating` the supervisor is to go.
 */
export type LifecycleEvent =
  | 'starting'
  | 'started'
  | 'paused'
  | 'resumed'
  | 'ended'
  | 'retrying'
  | 'gaveUp'
  | 'cancelled'
  | 'terminating'

const ended = { ended: 'exited', retrying: 'backoff', gaveUp: 'failed' } as const
const idle = { starting: 'starting', terminating: 'terminating' } as const

/** The whole lifecycle: what is not in a state's row cannot happen in it. */
export const LIFECYCLE: Readonly<Record<LiveState, Readonly<Partial<Record<LifecycleEvent, LiveState>>>>> = {
  starting: { ...ended, started: 'running', terminating: 'terminating' },
  running: { ...ended, paused: 'paused', terminating: 'terminating' },
  paused: { ...ended, resumed: 'running', terminating: 'terminating' },
  backoff: { ...idle, cancelled: 'exited' },
  exited: idle,
  failed: idle,
  terminating: { started: 'terminating', ended: 'terminating' },
}

/** The state after an event, or undefined where the event cannot happen in that state. */
export function nextState(state: LiveState, event: LifecycleEvent): LiveState | undefined {
  return LIFECYCLE[state][event]
}
