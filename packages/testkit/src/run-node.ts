import { execaNode, type Options, type ResultPromise } from 'execa'
import { onTestFinished } from 'vitest'

/** A fixture program that hangs must fail its own test, with its output, and not that test's timeout. */
const TIMEOUT_MS = 20_000

/** How long a program may take to end in order after SIGTERM, the timeout's or a test's own: on a busy machine, long. */
const FORCE_KILL_AFTER_MS = 8_000

/**
 * Runs a program (a `.js` file, absolute path) in a Node of its own, where `@bgtask/*` are the built packages. Awaiting
 * it gives execa's result, whatever the exit code; until then it is a subprocess with `pid`, `stdout`, `kill` and so
 * on. What still runs when the test has finished is killed.
 */
export function runNode(script: string, args: readonly string[] = [], options: RunNodeOptions = {}): RunningNode {
  // Not the worker's own options, among which is the condition that resolves packages to their sources.
  const bounds = { timeout: TIMEOUT_MS, forceKillAfterDelay: FORCE_KILL_AFTER_MS } as const
  const defaults = { nodeOptions: [], reject: false, ...bounds } as const
  const subprocess = execaNode(script, args, { ...defaults, ...options })
  onTestFinished(async () => {
    subprocess.kill('SIGKILL')
    await subprocess
  })
  return subprocess as RunningNode
}

export type RunNodeOptions = Pick<
  Options,
  | 'cwd'
  | 'env'
  | 'extendEnv'
  | 'input'
  | 'stdin'
  | 'stdout'
  | 'stderr'
  | 'timeout'
  | 'detached'
  | 'nodeOptions'
  | 'nodePath'
>

export type RunningNode = ResultPromise<{ reject: false }>
