import { Bench } from './bench.js'
import { type Check, type Profile, Skipped } from './check.js'
import { checks } from './checks/index.js'
import { clientChecks, runClientCheck } from './client-profile/index.js'
import { unlessAborted, within } from './waiting.js'

/** Whatever a check does, it is over after this: its own steps have shorter deadlines. */
const CHECK_MS = 60_000

/** Most of the time is waiting for processes to start, so more at a time than there are processors. */
const DEFAULT_CONCURRENCY = 3

/** `core` and `full` are of supervisors, `client` is of launchers and readers. */
export type AnyProfile = Profile | 'client'

export interface ConformanceOptions {
  /** argv of the supervisor; the daemon of `@bgtask/supervisor` unless given. */
  readonly supervisorCmd?: readonly string[]
  /** `full` unless given. */
  readonly profile?: AnyProfile
  /** argv of the program that the profile `client` drives. */
  readonly driverCmd?: readonly string[]
}

/** One check, ready to be run against the supervisor: `test(title, () => run())` in any test runner. */
export interface ConformanceCheck extends Omit<Check, 'run' | 'profile'> {
  readonly profile: AnyProfile
  /**
   * Rejects with what the supervisor does instead. Nothing that was started is left afterwards.
   *
   * @param signal ends the check early: it rejects with the signal's reason then.
   * @returns a reason if this machine cannot make the check.
   */
  run(signal?: AbortSignal): Promise<{ readonly skipped?: string }>
}

/** How a check went. */
export interface Outcome extends Omit<Check, 'run' | 'profile'> {
  readonly profile: AnyProfile
  /** `warns`: a recommendation is not followed. */
  readonly status: 'holds' | 'fails' | 'warns' | 'skipped'
  /** What was found instead, or why it was skipped. */
  readonly reason?: string
  readonly tookMs: number
}

export interface ConformanceReport {
  readonly supervisorCmd: readonly string[] | null
  readonly profile: AnyProfile
  /** Nothing fails. */
  readonly conforms: boolean
  readonly outcomes: readonly Outcome[]
}

/** The checks of a profile, for a test suite of one's own. Linux, since they look into `/proc`. */
export function conformanceChecks({
  supervisorCmd,
  driverCmd,
  profile = 'full',
}: ConformanceOptions = {}): ConformanceCheck[] {
  if (profile === 'client') {
    if (driverCmd === undefined) throw new TypeError('the profile client needs a driverCmd')
    return clientChecks.map((check) => ({ ...check, run: (signal) => runClientCheck(check, driverCmd, signal) }))
  }
  return checks
    .filter((check) => profile === 'full' || check.profile === 'core')
    .map((check) => ({ ...check, run: (signal) => runCheck(check, supervisorCmd, signal) }))
}

/** Runs all checks of a profile. Never rejects because of the supervisor. @throws the signal's reason if it ended early. */
export async function runConformance(
  options: ConformanceOptions & {
    /** Called with each outcome, in the order of the checks. */
    readonly onOutcome?: (outcome: Outcome) => void
    /** Checks that run at a time, 3 unless given. */
    readonly concurrency?: number
    /** Ends it early, with nothing left of what it started. */
    readonly signal?: AbortSignal
  } = {},
): Promise<ConformanceReport> {
  const {
    supervisorCmd,
    driverCmd,
    profile = 'full',
    onOutcome = () => {},
    concurrency = DEFAULT_CONCURRENCY,
    signal,
  } = options
  const toRun = conformanceChecks({ supervisorCmd, driverCmd, profile })
  const outcomes: Outcome[] = []
  let started = 0
  let reported = 0
  const work = async () => {
    while (started < toRun.length) {
      const index = started++
      const outcome = await outcomeOf(toRun[index] as ConformanceCheck, signal)
      if (signal?.aborted) return
      outcomes[index] = outcome
      for (; outcomes[reported] !== undefined; reported += 1) onOutcome(outcomes[reported] as Outcome)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  signal?.throwIfAborted()
  const conforms = outcomes.every(({ status }) => status !== 'fails')
  return { supervisorCmd: supervisorCmd ?? null, profile, conforms, outcomes }
}

async function runCheck(
  check: Check,
  supervisorCmd: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<{ skipped?: string }> {
  signal?.throwIfAborted()
  const bench = new Bench(supervisorCmd)
  try {
    await within(unlessAborted(check.run(bench), signal), 'the whole check', CHECK_MS)
    return {}
  } catch (error) {
    if (error instanceof Skipped) return { skipped: error.message }
    throw explained(error, check, bench)
  } finally {
    await bench.end()
  }
}

/** The error with the sentences, what was sent and received last, and what the supervisor wrote, which is often the reason. */
function explained(error: unknown, { ids }: Check, bench: Bench): unknown {
  if (!(error instanceof Error)) return error
  const words = bench.lastWords()
  const lines = [
    error.message.trimEnd(),
    `sentences: ${ids.join(', ')}`,
    String(bench.trace),
    words && `the supervisor wrote: ${words}`,
  ]
  return new Error(lines.filter(Boolean).join('\n'), { cause: error })
}

async function outcomeOf({ run, ...check }: ConformanceCheck, signal: AbortSignal | undefined): Promise<Outcome> {
  const started = performance.now()
  const took = () => Math.round(performance.now() - started)
  try {
    const { skipped } = await run(signal)
    if (skipped !== undefined) return { ...check, status: 'skipped', reason: skipped, tookMs: took() }
    return { ...check, status: 'holds', tookMs: took() }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ...check, status: check.level === 'must' ? 'fails' : 'warns', reason, tookMs: took() }
  }
}
