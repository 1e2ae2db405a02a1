import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'
import { sample } from './support/sample.js'

const driverCmd = [process.execPath, fileURLToPath(new URL('fixtures/driver.js', import.meta.url))]
const checks = conformanceChecks({ profile: 'client', driverCmd })

/** A whole check, whose driver may wait for its own deadline. */
const TIMEOUT_MS = 70_000

describe.concurrent('our pool, as launcher and reader', { timeout: TIMEOUT_MS }, () => {
  test.each(checks)('$title', async ({ run }) => {
    await run()
  })
})

/** Broken launchers and readers, the title of the check that must find it, and how the check says so. */
const MUTANTS: [mutant: string, title: string, reason: RegExp][] = [
  ['two-specs', 'the launcher writes one spec with all keys, and closes stdin', /not one MessagePack value/],
  ['own-session-in-the-background', 'the launcher detaches as the behavior requires', /in the background/],
  ['no-session', 'the launcher detaches as the behavior requires', /session of a daemon/],
  ['passes-the-outer-task-on', 'variables of an outer task reach neither supervisor nor child', /BGTASK_COOKIE/],
  ['waits-for-ever', 'a launch that takes too long is abandoned, and stderr is closed', /exit code of spawn/],
  ['hides-the-reason', "a failed launch is reported with the supervisor's message", /stderr of spawn/],
  ['demands-to-know-every-line', 'the launcher ignores unknown lines', /exit code and output/],
  ['demands-every-method', 'a task is listed even if its supervisor lacks methods', /list ended with 1/],
  ['opens-anything', 'foreign files in the directory do not disturb the list', /the end of list/],
  ['waits-for-each', 'an entry that hangs does not hide the others', /the end of list/],
  ['prints-as-it-comes', 'invalid info of one task does not end the list', /an escape sequence/],
  ['ends-with-any-error', 'an error of one supervisor affects only its own entry', /list ended with 1/],
  ['removes-what-does-not-answer', 'a socket with a full backlog is not removed', /was removed/],
  [
    'takes-any-directory',
    'a directory that all users can write to, or a link to a directory, is rejected',
    /exit code of list/,
  ],
  [
    'lists-records',
    'a record whose supervisor is a zombie, or has another start time, is not listed as a living task',
    /the tasks in the list/,
  ],
]

test('each check catches a broken one', () => {
  const caught = new Set(MUTANTS.map(([, title]) => title))
  expect(checks.map(({ title }) => title).filter((title) => !caught.has(title))).toEqual([])
})

describe.concurrent('a broken one is caught', { timeout: TIMEOUT_MS }, () => {
  test.for(sample(MUTANTS))('%s, by: %s', async ([mutant, title, reason]) => {
    const broken = ['/usr/bin/env', `MUTANT=${mutant}`, ...driverCmd]
    const check = conformanceChecks({ profile: 'client', driverCmd: broken }).find((one) => one.title === title)
    await expect(check?.run()).rejects.toThrow(reason)
  })
})
