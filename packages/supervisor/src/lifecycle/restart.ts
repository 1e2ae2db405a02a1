import type { ExitStatus, RestartPolicy } from '@bgtask/protocol'

/** What to do after a run ended by itself: start again after a delay (ms), be done, or give up because of a crash loop. */
export type RestartDecision =
  | { readonly action: 'restart'; readonly delayMs: number; readonly inARow: number }
  | { readonly action: 'done' }
  | { readonly action: 'giveUp' }

/**
 * Decides by policy alone.
 *
 * @param inARow restarts since the last run that lasted `resetAfterMs`.
 * @param ranMs how long the run lasted that just ended.
 */
export function decideRestart(
  policy: RestartPolicy,
  status: ExitStatus,
  inARow: number,
  ranMs: number,
): RestartDecision {
  const wanted = policy.on === 'always' || (policy.on === 'failure' && isFailure(status))
  if (!wanted) return { action: 'done' }
  const before = ranMs >= policy.resetAfterMs ? 0 : inARow
  if (policy.maxRestarts !== null && before >= policy.maxRestarts) return { action: 'giveUp' }
  return { action: 'restart', delayMs: restartDelayMs(policy, before), inARow: before + 1 }
}

/** Grows by `factor` with every restart in a row, up to `maxDelayMs`. */
function restartDelayMs({ delayMs, factor, maxDelayMs }: RestartPolicy, before: number): number {
  return Math.round(Math.min(maxDelayMs, delayMs * factor ** before))
}

function isFailure({ exitCode, cause }: ExitStatus): boolean {
  return cause === 'timeout' || exitCode !== 0
}
