import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { TaskPool } from '@bgtask/pool'
import { type RunNodeOptions, type RunningNode, runNode, tempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'

/** The built command, as published. */
export const program = resolve(import.meta.dirname, '../../dist/bgtask.cjs')

/** A shell user with a working directory, and a pool that is created on first use. */
export interface Cli {
  readonly directory: string
  readonly poolPath: string
  readonly env: Record<string, string>
  /** Runs `bgtask` with these arguments. */
  bgtask(args: readonly string[], options?: RunNodeOptions): RunningNode
  /** Starts a task; resolves with its id. */
  run(...args: string[]): Promise<string>
  /** Runs a command with `--json`; resolves with the printed objects. */
  json(...args: string[]): Promise<Record<string, unknown>[]>
}

/** Tasks left in the pool are ended after the test. */
export function cli(): Cli {
  const directory = tempDir()
  const poolPath = join(directory, 'p')
  // Node reads extra certificates at each start; no test needs them.
  const env = { BGTASK_TASKPOOL_PATH: poolPath, NODE_EXTRA_CA_CERTS: '', FORCE_COLOR: '', NO_COLOR: '' }
  onTestFinished(() => endAll(poolPath))
  const bgtask: Cli['bgtask'] = (args, options) =>
    runNode(program, args, { cwd: directory, stdin: 'ignore', ...options, env: { ...env, ...options?.env } })
  return {
    directory,
    poolPath,
    env,
    bgtask,
    async run(...args) {
      const { stdout, stderr, exitCode } = await bgtask(['run', ...args])
      if (exitCode !== 0 || !/^\d+$/.test(String(stdout))) throw new Error(`run ${args.join(' ')}: ${stderr}`)
      return String(stdout)
    },
    async json(...args) {
      const [command = '', ...rest] = args
      const { stdout } = await bgtask([command, '--json', ...rest])
      return String(stdout)
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    },
  }
}

/** Returns a PATH in which the user's shell finds `bgtask`. */
export function pathWithBgtask({ directory }: Cli): string {
  writeFileSync(join(directory, 'bgtask'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
  return [directory, process.env.PATH].join(delimiter)
}

async function endAll(path: string): Promise<void> {
  if (!existsSync(path)) return
  const pool = new TaskPool({ path })
  const steps = [{ killSignal: 'KILL', waitMs: 2_000 }] as const
  await Promise.all((await pool.search()).map((task) => task.terminateSupervisor({ steps })))
  await Promise.all((await pool.lost()).map((lost) => lost.stop({ steps })))
}
