import { fileURLToPath } from 'node:url'
import { supervisorCommand } from '@bgtask/supervisor'
import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { tellLeftOut } from './support/left-out.js'

/** Broken supervisors: what is broken, the sentence whose check must find it, and how that check says so. */
const MUTANTS: [mutant: string, id: string, reason: RegExp][] = [
  ['ready-too-early', 'L-31', /it said DAEMON_PID=\d+, but/],
  ['ready-without-child', 'L-34', /the pid of a ready line/],
  ['keeps-stderr', 'L-32', /the end of stderr, which somebody keeps open/],
  ['ignores-epipe', 'L-37', /the exit of the supervisor/],
  ['stays-without-spec', 'L-11', /the exit of the supervisor/],
  ['leaks-launch-variable', 'L-21', /BGTASK_LAUNCH/],
  ['leaks-a-descriptor', 'L-26', /\+ {3}3/],
  ['no-session', 'L-23', /session/],
  ['no-lock', 'L-60', /the launch succeeded/],
  ['unlocks-too-early', 'L-63', /free while a restart is pending/],
  ['socket-for-everybody', 'D-2', /mode and group of \d+\.sock/],
  ['stale-record', 'D-6', /step/],
  ['leaves-socket', 'D-7', /\.sock/],
  ['wrong-offsets', 'W-110', /offset/],
  ['unclamped-offsets', 'W-110', /offset: 1000000000000/],
  ['reading-forgets', 'W-112', /once/],
  ['ignores-wait', 'W-113', /a poll of 150 ms took|it answered before/],
  ['never-blocked', 'W-116', /the info says that stdout is blocked/],
  ['bytes-as-text', 'W-5', /data/],
  ['integers-as-floats', 'W-4', /the float 3/],
  ['lost-exit', 'W-52', /exit 0/],
  ['stops-the-child-alone', 'W-91', /is left/],
  ['falls-over-garbage', 'W-9', /another client noticed/],
  ['takes-any-garbage', 'W-9', /the supervisor disconnects/],
  ['answers-what-is-not-there', 'W-21', /must be an error, and gave null/],
  ['events-twice', 'W-170', /metaChange/],
]

/** More than a check allows itself. */
const TIMEOUT_MS = 70_000

function checkOf(mutant: string, id: string) {
  const program = fileURLToPath(new URL('fixtures/mutant.js', import.meta.url))
  const supervisorCmd = supervisorCommand([process.execPath, program, mutant])
  const check = conformanceChecks({ supervisorCmd }).find(({ ids, level }) => level === 'must' && ids.includes(id))
  if (check === undefined) throw new Error(`no check of ${id}`)
  return check
}

describe.concurrent('a broken supervisor is caught', { timeout: TIMEOUT_MS }, () => {
  test.for(MUTANTS)('%s, by the check of %s', async ([mutant, id, reason], { skip }) => {
    const outcome = checkOf(mutant, id).run()
    const skipped = await outcome.then(({ skipped }) => skipped).catch(() => undefined)
    if (skipped !== undefined) {
      tellLeftOut(skipped)
      skip(skipped)
    }
    await expect(outcome).rejects.toThrow(reason)
  })
})

describe.concurrent('the same supervisor is not, where nothing is broken', { timeout: TIMEOUT_MS }, () => {
  const ids = [...new Set(MUTANTS.map(([, id]) => id))]
  test.for(ids)('%s', async (id, { skip }) => {
    const { skipped } = await checkOf('none', id).run()
    if (skipped === undefined) return
    tellLeftOut(skipped)
    skip(skipped)
  })
})
