import { execFile } from 'node:child_process'
import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { allPids, eventually, processEnv, runNode, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'

const PEERS = join(import.meta.dirname, '../../bench/peers/run.mjs')
const FIGURES = join(import.meta.dirname, '../../bench/figures.mjs')
const PROFILE = join(import.meta.dirname, '../../bench/profile.mjs')
const CONSOLE = join(import.meta.dirname, '../../bench/console.mjs')

const WORK = ['spawn-cold', 'spawn-warm', 'spawn-many', 'memory', 'cpu-idle', 'drain', 'latency', 'query', 'stop']

describe('bench/peers', () => {
  test('the benchmark runs the same work on bgtask and on a peer, writes a table for each, and leaves nothing', {
    timeout: 60_000,
  }, async () => {
    const { exitCode, stdout, directory } = await runPeers('--quick', '--only', 'spawn-cold,stop', '--peers', 'spawn')
    expect(exitCode).toBe(0)
    const rows = [...stdout.matchAll(/^\| (bgtask|plain spawn) \| [\d.]+( ms)? \| .* \| 3 \|/gm)]
    // Time to start; survivors of a stop, and its time: two peers each.
    expect(rows).toHaveLength(6)
    expect(stdout).toMatch(/processes that survive\n\n.*\n.*\n\| bgtask \| 0 \|/)
    expect(readdirSync(directory)).toEqual([])
  })

  test('the benchmark names a peer that is not installed and measures the others', { timeout: 60_000 }, async () => {
    const programs = tempDir()
    symlinkSync('/bin/sleep', join(programs, 'sleep'))
    const args = [PEERS, '--quick', '--only', 'spawn-cold', '--peers', 'tmux,spawn']
    // Not by runNode, which adds the directory that Node is in, and maybe tmux.
    const env = { ...process.env, PATH: programs, TMPDIR: tempDir(), NODE_OPTIONS: '' }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env })
    expect(stderr).toContain('tmux: not installed (see bench/peers/install.sh)')
    expect(stdout).toMatch(/^\| tmux \| not installed \|/m)
    expect(stdout).toMatch(/^\| plain spawn \| [\d.]+ ms \|/m)
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('leaves neither processes nor directories on %s', async (signal, status) => {
    const directory = tempDir()
    const run = startPeers(directory, '--quick', '--only', 'cpu-idle', '--peers', 'spawn')
    await eventually(() => expect(supervisorsBelow(directory)).not.toEqual([]))
    run.kill(signal)
    expect((await run).exitCode).toBe(status)
    expect(readdirSync(directory)).toEqual([])
    expect(supervisorsBelow(directory)).toEqual([])
  })

  test('a failed benchmark leaves nothing and prints why', { timeout: 60_000 }, async () => {
    const { exitCode, stderr, directory } = await runPeers(
      '--quick',
      '--only',
      'spawn-cold',
      '--peers',
      'spawn',
      '--out',
      `${import.meta.filename}/below`,
    )
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('ENOTDIR') })
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('bench/profile', () => {
  test('the profile has every step of a spawn', { timeout: 60_000 }, async () => {
    const { exitCode, stdout } = await runNode(PROFILE, ['--quick', '--only', 'spawn'], { env: { TMPDIR: tempDir() } })
    expect(exitCode).toBe(0)
    const steps = [...String(stdout).matchAll(/^\| (.*?) \| -?[\d.]+ \|/gm)].map(([, step]) => step)
    expect(steps).toEqual([
      expect.stringContaining('a shell detaches'),
      'supervisor boots Node',
      'supervisor loads the bundle',
      'supervisor opens the pipes',
      'supervisor reads the spec',
      'supervisor takes the lock',
      'supervisor makes the log and the first record',
      'supervisor listens',
      'supervisor starts the child',
      'supervisor writes the record',
      'supervisor gives the socket its name and says that it is ready',
      expect.stringContaining('`spawn` resolves'),
      'first `info()`',
      '(`node -e 0`)',
    ])
  })
})

test.each([
  [PEERS, [...WORK, 'after-kill', 'growth-tasks', 'growth-rpc']],
  [FIGURES, ['spawn', 'spawn-first', 'spawn-standby', 'rpc', 'drain', 'latency', 'search-meta']],
  [PROFILE, ['spawn', 'memory', 'calls']],
])('%s names with --help what it measures, and refuses what it does not know', async (program, ids) => {
  const { stdout, exitCode } = await runNode(program, ['--help'])
  const named = [...String(stdout).matchAll(/^ {2}([a-z][a-z-]*) {2,}/gm)].map(([, id]) => id)
  expect({ exitCode, named }).toEqual({ exitCode: 0, named: expect.arrayContaining(ids) })
  for (const [args, words] of [
    [['--only', 'nothing'], /^unknown \w+: nothing \(see --help\)$/],
    [['--nothing'], /^Unknown option '--nothing'/],
  ] as const) {
    const refused = await runNode(program, args)
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(words) })
  }
})

/** It once ignored unknown options, and worked for minutes. */
test('the console benchmark prints its usage with --help, and refuses unknown options and words at once', {
  timeout: 60_000,
}, async () => {
  const directory = tempDir()
  for (const [args, words] of [
    [['--nothing'], /^Unknown option '--nothing'/],
    [['word'], /^Unexpected argument 'word'/],
  ] as const) {
    const refused = await runNode(CONSOLE, args, { env: { TMPDIR: directory } })
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(words) })
    expect(refused.stderr).toContain('(see --help)')
    expect(readdirSync(directory)).toEqual([])
  }
  expect(await runNode(CONSOLE, ['--help'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^usage: pnpm /),
  })
})

/** Programs whose temporary files are in a directory; the benchmark's own differs by its arguments. */
function supervisorsBelow(directory: string): number[] {
  return allPids().filter((pid) => processEnv(pid).TMPDIR?.startsWith(`${directory}/`))
}

function startPeers(directory: string, ...args: string[]) {
  return runNode(PEERS, args, { env: { TMPDIR: directory }, timeout: 55_000 })
}

async function runPeers(...args: string[]) {
  const directory = tempDir()
  const { exitCode, stdout, stderr } = await startPeers(directory, ...args)
  return { exitCode, stdout: String(stdout), stderr: String(stderr), directory }
}
