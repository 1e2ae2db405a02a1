import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { filesMutants } from './mutants/files.js'
import { infoMutants } from './mutants/info.js'
import { launchMutants } from './mutants/launch.js'
import { lingerMutants } from './mutants/linger.js'
import { runsMutants } from './mutants/runs.js'
import { spoolMutants } from './mutants/spool.js'
import { stopMutants } from './mutants/stop.js'
import { streamsMutants } from './mutants/streams.js'
import { wireMutants } from './mutants/wire.js'
import { tellLeftOut } from './support/left-out.js'
import { checkOf } from './support/mutant.js'
import { sample } from './support/sample.js'

const lists = [
  launchMutants,
  filesMutants,
  wireMutants,
  infoMutants,
  stopMutants,
  runsMutants,
  streamsMutants,
  spoolMutants,
  lingerMutants,
]

const chosen = lists.flatMap(sample)

/** More than a check allows itself. */
const TIMEOUT_MS = 70_000

test('each check catches a mutant', () => {
  const caught = new Set(lists.flat().map(([, title]) => title))
  const titles = conformanceChecks().map(({ title }) => title)
  expect(titles.filter((title) => !caught.has(title))).toEqual([])
})

describe.concurrent('a broken supervisor is caught', { timeout: TIMEOUT_MS }, () => {
  test.for(chosen)('%s, by: %s', async ([mutant, title, reason], { skip }) => {
    const outcome = checkOf(mutant, title).run()
    const skipped = await outcome.then(({ skipped }) => skipped).catch(() => undefined)
    if (skipped !== undefined) {
      tellLeftOut(skipped)
      skip(skipped)
    }
    await expect(outcome).rejects.toThrow(reason)
  })
})

// What the mutants are made of must not be what the checks find.
describe.concurrent('the same supervisor conforms if nothing is broken', { timeout: TIMEOUT_MS }, () => {
  test.for(sample([...new Set(chosen.map(([, title]) => title))]))('%s', async (title, { skip }) => {
    const { skipped } = await checkOf('none', title).run()
    if (skipped === undefined) return
    tellLeftOut(skipped)
    skip(skipped)
  })
})
