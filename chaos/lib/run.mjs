import { cpSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { runInNamespaces } from './namespaces.mjs'
import { runSide } from './side.mjs'
import { disposeOf, makeDirectory, makeWorld } from './world.mjs'

/**
 * One run of chaos, in one mode, with all its sides.
 *
 * @returns `{ directory, violations }`, and figures: of the only side, or of each by its name.
 */
export async function runChaos(options) {
  const { mode, injected } = options
  const directory = makeDirectory()
  const pool = join(directory, 'pool')
  const undo = mode.setUp(pool)
  let keep = true
  try {
    const result =
      mode.sides.length === 1
        ? await runSide(makeWorld(directory), options)
        : merge(await runInNamespaces(directory, options))
    keep = result.violations.length > 0 && injected.length === 0
    return { ...result, directory }
  } finally {
    if (keep) keepFiles(pool, join(directory, 'pool-at-the-end'))
    undo()
    disposeOf(directory, { keep })
  }
}

/** What is in a file system that goes with the run is to be looked at too. */
function keepFiles(from, to) {
  cpSync(from, to, { recursive: true, filter: (path) => !lstatSync(path).isSocket() })
}

function merge(results) {
  const violations = Object.entries(results).flatMap(([side, result]) =>
    result.violations.map((violation) => ({ side, ...violation })),
  )
  const accounts = Object.entries(results).map(([side, { violations, ...account }]) => [side, account])
  return { ...Object.fromEntries(accounts), violations }
}
