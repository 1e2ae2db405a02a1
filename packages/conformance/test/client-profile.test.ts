import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { conformanceChecks } from '../src/index.js'

const driverCmd = [process.execPath, fileURLToPath(new URL('fixtures/driver.js', import.meta.url))]
const checks = conformanceChecks({ profile: 'client', driverCmd })

/** A whole check, whose driver may wait for its own deadline. */
const TIMEOUT_MS = 70_000

describe('our pool, as launcher and reader', { timeout: TIMEOUT_MS }, () => {
  test.each(checks)('$title', async ({ run }) => {
    await run()
  })
})

/** Broken launchers and readers, the title of the check that must find it, and how the check says so. */
const MUTANTS: [mutant: string, title: string, reason: RegExp][] = [
  ['two-specs', 'the launcher writes one spec, with all keys, and closes stdin', /not one MessagePack value/],
  ['own-session-in-the-background', 'the launcher detaches as the behavior asks', /in the background/],
  ['no-session', 'the launcher detaches as the behavior asks', /session of a daemon/],
  [
    'passes-the-outer-task-on',
    'what an outer task put into the environment reaches neither supervisor nor child',
    /BGTASK_COOKIE/,
  ],
  ['waits-for-ever', 'a launch that takes too long is given up, and stderr closed', /exit code of spawn/],
  ['hides-the-reason', 'a launch that fails is reported, with what the supervisor said', /stderr of spawn/],
  ['demands-to-know-every-line', 'lines that the launcher does not know are ignored', /exit code and output/],
  [
    'demands-every-method',
    'a task is listed by what its supervisor answers, and a method that it lacks is no fault',
    /list ended with 1/,
  ],
  ['opens-anything', 'what lies beside tasks costs the list nothing', /the end of list/],
  ['waits-for-each', 'an entry that hangs does not keep the others from the list', /the end of list/],
  ['prints-as-it-comes', 'info that is not as documented does not end the list', /an escape sequence/],
  ['ends-with-any-error', 'an error that a supervisor answers with concerns its own entry alone', /list ended with 1/],
  ['removes-what-does-not-answer', 'a socket that is full is busy, not dead, and stays', /was removed/],
  [
    'takes-any-directory',
    'a directory that everybody can write to, or that a link leads to, is refused',
    /exit code of list/,
  ],
  [
    'lists-records',
    'a record whose supervisor is a zombie, or has another start time, is of no living task',
    /the tasks in the list/,
  ],
]

describe('a broken one is caught', { timeout: TIMEOUT_MS }, () => {
  test.each(MUTANTS)('%s, by: %s', async (mutant, title, reason) => {
    vi.stubEnv('MUTANT', mutant)
    const check = checks.find((one) => one.title === title)
    await expect(check?.run()).rejects.toThrow(reason)
    vi.unstubAllEnvs()
  })
})
