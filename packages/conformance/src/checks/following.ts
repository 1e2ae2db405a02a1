import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../bench.js'
import { type Check, full, Skipped, should } from '../check.js'

/** A client that does not ask again within this time after an answer does not follow (W-101). */
const FOLLOWER_PAUSE_MS = 250

/** A supervisor that has waited almost "about a second" for its followers has done what it should. */
const PATIENT_MS = 800

const MAX_ATTEMPTS = 8

const NS_PER_MS = 1e6

/** How an attempt to follow an output to its end went. */
interface Attempt {
  /** Why a byte was missing; undefined if none was. */
  readonly reason?: unknown
  readonly longestPauseMs: number
  /** From the answer to `terminate` to the end of the connection. */
  readonly waitedMs: number
}

/** What a client gets that follows an output when the supervisor terminates. */
export const followingChecks: readonly Check[] = [
  should(
    full('a client that follows an output gets its end before the supervisor exits', 'W-101', async (bench) => {
      for (let attempts = 1; ; attempts += 1) {
        const { reason, longestPauseMs, waitedMs } = await followToTheEnd(bench)
        if (reason === undefined) return
        // If client or supervisor are not scheduled for that long, the attempt proves nothing.
        if (longestPauseMs < FOLLOWER_PAUSE_MS / 2 && waitedMs < PATIENT_MS) throw reason
        if (attempts === MAX_ATTEMPTS) throw new Skipped('needs a machine that is less busy')
      }
    }),
  ),
]

/** Follows the output of a task that writes its last bytes while it is terminated. */
async function followToTheEnd(bench: Bench): Promise<Attempt> {
  const client = await bench.task({
    cmd: 'trap "trap \'\' TERM; head -c 100000 /dev/zero; exit 0" TERM; echo; while :; do sleep 0.05; done',
  })
  await client.text(/\n/)
  const follower = await bench.connect((await client.info()).supervisorPid)
  const pauses = monitorEventLoopDelay({ resolution: 5 })
  pauses.enable()
  // Several reads are left when the child has ended.
  const whole = follower.whole(1, 32_768).then(
    ({ length }) => (length === 100_001 ? undefined : new Error(`the follower got ${length} of 100001 bytes`)),
    (error: unknown) => error,
  )
  await client.call('terminate', { steps: [{ killSignal: 'SIGTERM', waitMs: 5_000 }] })
  const answered = performance.now()
  const reason = await whole
  await follower.closed
  const waitedMs = performance.now() - answered
  // A pause is measured by a timer, which comes after the event that ended the pause.
  await sleep(20)
  pauses.disable()
  return { reason, longestPauseMs: pauses.max / NS_PER_MS, waitedMs }
}
