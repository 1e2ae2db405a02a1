import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { allPids, eventually, processEnv, runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { conformanceChecks } from '../src/index.js'

const cli = join(import.meta.dirname, '../dist/cli.js')

/** Never answers anything, so every check fails, and soon. */
const BROKEN = ['/bin/sh', '-c', 'echo out of order >&2; exit 1']

test('a table and the exit code report a supervisor that does not conform', { timeout: 120_000 }, async () => {
  const { stdout, exitCode } = await runNode(cli, ['--profile', 'core', '--', ...BROKEN], { timeout: 110_000 })
  expect(exitCode).toBe(1)
  const lines = String(stdout).split('\n')
  expect(lines).toContainEqual(expect.stringMatching(/^✗ fails {3}L-30 L-31 +at the ready line/))
  expect(lines).toContain('    the launch failed: out of order')
  expect(lines.at(-1)).toMatch(/^profile core: does not conform \(\d+ hold, \d+ fail, \d+ warn, 0 skipped\)$/)
})

test('the same as JSON', { timeout: 120_000 }, async () => {
  const { stdout, exitCode } = await runNode(cli, ['--json', '--profile=core', '--', ...BROKEN], { timeout: 110_000 })
  expect(exitCode).toBe(1)
  const report = JSON.parse(String(stdout))
  expect(report).toMatchObject({ profile: 'core', conforms: false, supervisorCmd: BROKEN })
  expect(report.outcomes.map(({ title }: { title: string }) => title)).toEqual(
    conformanceChecks({ profile: 'core' }).map(({ title }) => title),
  )
  expect(report.outcomes).toContainEqual({
    title: 'the child leads a session of its own',
    ids: ['L-23'],
    profile: 'core',
    level: 'must',
    status: 'fails',
    reason: expect.stringContaining('out of order'),
    tookMs: expect.any(Number),
  })
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('leaves neither processes nor directories on %s', { timeout: 60_000 }, async (signal, status) => {
  const directory = tempDir()
  const run = runNode(cli, [], { env: { TMPDIR: directory }, timeout: 50_000 })
  await eventually(() => expect(processesIn(directory)).not.toEqual([]))
  run.kill(signal)
  expect((await run).exitCode).toBe(status)
  expect(readdirSync(directory)).toEqual([])
  expect(processesIn(directory)).toEqual([])
})

// It died of the error, with all that it had started still there.
test('leaves neither processes nor directories if the reader closes its output', { timeout: 60_000 }, async () => {
  const directory = tempDir()
  const run = runNode(cli, [], { env: { TMPDIR: directory }, timeout: 50_000 })
  run.stdout?.once('data', () => run.stdout?.destroy())
  expect((await run).exitCode).toBe(141)
  expect(readdirSync(directory)).toEqual([])
  expect(processesIn(directory)).toEqual([])
})

test('--help says how to use it', async () => {
  const { stdout, exitCode } = await runNode(cli, ['--help'])
  expect({ stdout, exitCode }).toEqual({ stdout: expect.stringContaining('-- <supervisorCmd…>'), exitCode: 0 })
})

test.each([
  [['--profile', 'half'], '--profile must be core, full or client, got half'],
  [['--fast'], '--fast'],
  [['stray'], 'stray'],
])('a wrong command line is an error with exit code 2: %j', async (args, words) => {
  const { stderr, exitCode } = await runNode(cli, args)
  expect({ stderr, exitCode }).toEqual({ stderr: expect.stringContaining(words), exitCode: 2 })
})

/** Of a pool below the directory: supervisors and their children. */
function processesIn(directory: string): number[] {
  return allPids().filter((pid) => processEnv(pid).BGTASK_TASKPOOL_PATH?.startsWith(`${directory}/`))
}
