import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { onTestFinished } from 'vitest'

/** A program of another make, at work. */
export interface Program {
  readonly pid: number
  readonly process: ChildProcessByStdio<Writable, Readable, null>
  /** Resolves with exit code and signal. */
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>
}

export interface ProgramOptions {
  readonly cwd?: string
  /** An open file for its stderr; none unless given. */
  readonly stderr?: number
}

/** Starts a program in a session of its own. When the test has finished its stdin ends, and it is killed. */
export function startProgram([file = '', ...args]: readonly string[], { cwd, stderr }: ProgramOptions = {}): Program {
  const stdio = ['pipe', 'pipe', stderr ?? 'ignore'] as const
  const child = spawn(file, args, { cwd, stdio: [...stdio], detached: true }) as ChildProcess as Program['process']
  const exited = once(child, 'exit') as Program['exited']
  onTestFinished(async () => {
    child.stdin.destroy()
    child.kill('SIGKILL')
    await exited
  })
  return { pid: child.pid ?? 0, process: child, exited }
}
