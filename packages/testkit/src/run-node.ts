import { execaNode, type Options, type ResultPromise } from 'execa'
import { onTestFinished } from 'vitest'

/** A fixture program that hangs must fail its own test, with its output, and not that test's timeout. */
const TIMEOUT_MS = 20_000

/**
 * Runs a program (a `.js` file, absolute path) in a Node of its own, where `@bgtask/*` are the built packages. Awaiting
 * it gives execa's result, whatever the exit code; until then it is a subprocess with `pid`, `stdout`, `kill` and so
 * on. What still runs when the test has finished is killed.
 */
export function runNode(script: string, args: readonly string[] = [], options: RunNodeOptions = {}): RunningNode {
  // Not the worker's own options, among which is the condition that resolves packages to their sources.
  const defaults = { nodeOptions: [], reject: false, timeout: TIMEOUT_MS, forceKillAfterDelay: 1000 } as const
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
