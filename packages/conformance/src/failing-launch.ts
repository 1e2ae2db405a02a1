import assert from 'node:assert/strict'
import type { Bench } from './bench.js'
import type { Launch } from './launch.js'

/** Holds a launch to failing as one: no ready line, an end, nothing left. `what` it was given is named if not. */
export async function failsToLaunch(bench: Bench, launch: Launch, what: string): Promise<void> {
  await launch.stderrEnd()
  assert.equal(launch.readyPid(), undefined, `the pid of a ready line, though it was given ${what}`)
  await launch.exit()
  await bench.nothingLeft(what)
}
