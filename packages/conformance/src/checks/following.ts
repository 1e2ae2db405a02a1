import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Bench } from '../bench.js'
import { type Check, full, Skipped, should } from '../check.js'

/** A client that does not ask again within this time after an answer does not follow (W-101). */
const FOLLOWER_PAUSE_MS = 250

const MAX_ATTEMPTS = 8

const NS_PER_MS = 1e6

/** What a client gets that follows an output when the supervisor terminates. */
export const followingChecks: readonly Check[] = [
  should(
    full('a client that follows an output gets its end before the supervisor exits', 'W-101', async (bench) => {
      for (let attempts = 1; ; attempts += 1) {
        const { reason, longestPauseMs } = await followToTheEnd(bench)
        if (reason === undefined) return
        // A client that is not scheduled for that long does not ask again in time, so that the attempt proves nothing.
        if (longestPauseMs < FOLLOWER_PAUSE_MS / 2) throw reason
        if (attempts === MAX_ATTEMPTS) throw new Skipped('needs a machine that is less busy')
      }
    }),
  ),
]

/** Follows the output of a task that writes its last bytes while it is terminated. Returns why a byte was missing, and the client's longest pause. */
async function followToTheEnd(bench: Bench): Promise<{ reason?: unknown; longestPauseMs: number }> {
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
  const reason = await whole
  pauses.disable()
  return { reason, longestPauseMs: pauses.max / NS_PER_MS }
}
