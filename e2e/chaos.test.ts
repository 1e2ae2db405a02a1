import { join } from 'node:path'
import { needs, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'

const CHAOS = join(import.meta.dirname, '../chaos/chaos.mjs')

/** What the program tells with `--json`. */
interface Summary {
  tasks: { asked: number; spawned: number; runs: number }
  kills: Record<string, number>
  violations: { check: string; what: string }[]
}

const CHECKS = ['orphan', 'exit', 'holder', 'stream', 'descriptor', 'lock', 'process', 'socket', 'own-descriptor']

describe.runIf(needs('flock'))('chaos', () => {
  test('of a few seconds, with everybody killed at random, leaves nothing unaccounted for', {
    timeout: 200_000,
  }, async () => {
    const { exitCode, summary } = await runChaos('--minutes', '0.2', '--seed', '1')
    expect(summary.violations).toEqual([])
    expect(exitCode).toBe(0)
    expect(summary.tasks.runs).toBeGreaterThan(0)
    expect(Object.values(summary.kills).some((count) => count > 0)).toBe(true)
  })

  test('finds with each of its checks what is wrong on purpose', { timeout: 200_000 }, async () => {
    const { exitCode, summary } = await runChaos('--minutes', '0', '--inject', CHECKS.join())
    expect([...new Set(summary.violations.map(({ check }) => check))]).toEqual(CHECKS)
    expect(exitCode).toBe(1)
  })

  test('names all its checks', async () => {
    const { stdout, exitCode } = await runNode(CHAOS, ['--help'])
    expect(exitCode).toBe(0)
    expect([...stdout.matchAll(/^ {2}([a-z][a-z-]*) {2,}/gm)].map(([, id]) => id)).toEqual(CHECKS)
  })

  test.each([
    [['--minutes', 'x'], /--minutes must be a number from 0, not x/],
    [['--seed', '1.5'], /--seed must be an integer, not 1.5/],
    [['--minute', '1'], /Unknown option '--minute'/],
    [['1'], /Unexpected argument '1'/],
    [['--inject', 'nothing'], /--inject must be of orphan, .*, not nothing/],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await runNode(CHAOS, args)
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(message) })
  })
})

async function runChaos(...args: string[]): Promise<{ exitCode: number | undefined; summary: Summary }> {
  const { exitCode, stdout, stderr } = await runNode(CHAOS, ['--json', ...args], {
    env: { TMPDIR: tempDir() },
    timeout: 180_000,
  })
  if (typeof stdout !== 'string' || stdout === '') throw new Error(`chaos said nothing but ${stderr}`)
  return { exitCode, summary: JSON.parse(stdout) }
}
