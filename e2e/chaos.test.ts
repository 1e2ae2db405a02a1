import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type NeedName, needs, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'

const CHAOS = join(import.meta.dirname, '../chaos/chaos.mjs')
const NATIVE = join(import.meta.dirname, `../packages/supervisor-linux-${process.arch}/bgtask-supervisor`)

interface Account {
  tasks: { asked: number; spawned: number; runs: number }
  kills: Record<string, number>
}

/** What the program prints with `--json`: one account, or one of each side. */
interface Summary extends Account {
  a?: Account
  b?: Account
  violations: { check: string; what: string }[]
}

const CHECKS = [
  'orphan',
  'supervisor',
  'exit',
  'recorded',
  'found',
  'handle',
  'holder',
  'stream',
  'descriptor',
  'survivors',
  'foreign',
  'lock',
  'process',
  'socket',
  'own-descriptor',
]

const MODES: Record<string, NeedName[]> = {
  default: [],
  'disk-full': ['root'],
  descriptors: ['prlimit'],
  namespaces: ['root', 'unshare'],
}

/** In CI longer than in a developer's `npm test`, which must be quick. */
const MINUTES = process.env.CI === 'true' ? '0.2' : '0.1'

describe.runIf(needs('flock'))('chaos', () => {
  for (const [mode, missing] of Object.entries(MODES)) {
    test.runIf(needs(...missing))(
      `of a few seconds in mode ${mode} leaves nothing unaccounted for`,
      { timeout: 200_000 },
      async () => expectNoViolation(await runChaos('--mode', mode, '--minutes', MINUTES, '--seed', '1')),
    )
  }

  test.runIf(existsSync(NATIVE))(
    'of a few seconds leaves nothing unaccounted for with the native supervisor',
    { timeout: 200_000 },
    async () => expectNoViolation(await runChaos('--supervisor', 'native', '--minutes', MINUTES, '--seed', '1')),
  )

  test('finds each injected fault with its check', { timeout: 200_000 }, async () => {
    const { exitCode, summary } = await runChaos('--minutes', '0', '--inject', CHECKS.join())
    expect([...new Set(summary.violations.map(({ check }) => check))]).toEqual(CHECKS)
    expect(exitCode).toBe(1)
  })

  test('the chaos documentation names all modes and checks', async () => {
    const { stdout, exitCode } = await runNode(CHAOS, ['--help'])
    expect(exitCode).toBe(0)
    expect([...stdout.matchAll(/^ {2}([a-z][a-z-]*) {2,}/gm)].map(([, id]) => id)).toEqual([
      ...Object.keys(MODES),
      ...CHECKS,
    ])
  })

  test.each([
    [['--minutes', 'x'], /--minutes must be a number from 0, not x/],
    [['--seed', '1.5'], /--seed must be an integer, not 1.5/],
    [['--minute', '1'], /Unknown option '--minute'/],
    [['1'], /Unexpected argument '1'/],
    [['--supervisor', 'x'], /--supervisor must be one of node, native, not x/],
    [['--mode', 'x'], /--mode must be one of default, .*, not x/],
    [['--mode', 'namespaces', '--inject', 'orphan'], /--inject is not for mode namespaces/],
    [['--inject', 'nothing'], /--inject must be of orphan, .*, not nothing/],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await runNode(CHAOS, args)
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(message) })
  })
})

interface Result {
  exitCode: number | undefined
  summary: Summary
}

function expectNoViolation({ exitCode, summary }: Result): void {
  expect(summary.violations).toEqual([])
  expect(exitCode).toBe(0)
  for (const { tasks, kills } of accounts(summary)) {
    expect(tasks.runs).toBeGreaterThan(0)
    expect(Object.values(kills).some((count) => count > 0)).toBe(true)
  }
}

function accounts({ a, b, ...all }: Summary): Account[] {
  return a === undefined || b === undefined ? [all] : [a, b]
}

async function runChaos(...args: string[]): Promise<Result> {
  const { exitCode, stdout, stderr } = await runNode(CHAOS, ['--json', ...args], {
    env: { TMPDIR: tempDir() },
    timeout: 180_000,
  })
  if (typeof stdout !== 'string' || stdout === '') throw new Error(`chaos said nothing but ${stderr}`)
  return { exitCode, summary: JSON.parse(stdout) }
}
