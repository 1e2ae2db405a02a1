import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { eventually, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { Launch } from './support/launch.js'
import { crate, hasCargo } from './support/native.js'

/** The first run compiles everything. */
const COMPILING_MS = 300_000

// It counted the time of a run by the wall clock: each run seemed to have lasted an hour, which made the count start again.
test.runIf(hasCargo())(
  'a wall clock that jumps does not make a native supervisor restart its child more often than maxRestarts',
  async () => {
    const launch = new Launch({ program: dynamicBuild(), env: { LD_PRELOAD: jumpingClock() } })
    const restart = { on: 'always', delayMs: 1, maxDelayMs: 1, factor: 1, maxRestarts: 2, resetAfterMs: 60_000 }
    launch.give({ exec: ['/bin/true'], restart })
    const peer = await launch.connect()
    const info = async () => (await peer.call('getInfo')) as { state: string; restarts: number; startedAt: number }
    await eventually(async () => (await info()).state === 'failed')
    const { restarts, startedAt } = await info()
    expect(restarts).toBe(2)
    expect(startedAt - Date.now()).toBeGreaterThan(3_600_000)
  },
  COMPILING_MS,
)

/** The released program is static, and so nothing can be preloaded into it. */
function dynamicBuild(): string {
  execFileSync('cargo', ['build', '--offline', '--locked', '--quiet', '--bin', 'bgtask-supervisor'], { cwd: crate })
  return join(crate, 'target/debug/bgtask-supervisor')
}

function jumpingClock(): string {
  const library = join(tempDir(), 'clock.so')
  const source = join(import.meta.dirname, 'fixtures/jumping_clock.rs')
  execFileSync('rustc', ['--edition', '2024', '--crate-type', 'cdylib', '-o', library, source])
  return library
}
