import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { socketFileName } from '@bgtask/os'
import type { SpawnOptions, TaskPoolOptions } from '@bgtask/pool'
import type { TaskInfo } from '@bgtask/protocol'
import { eventually, reachable, reachableNode, tempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'
import { endTasksAfterTest } from './pools.js'
import { type ProgramOptions, startProgram } from './programs.js'

export const CALLER = join(import.meta.dirname, '../fixtures/caller.mjs')

/** What `fixtures/caller.mjs` is to do. */
export interface CallerPlan {
  readonly pool: TaskPoolOptions
  readonly tasks?: readonly SpawnOptions[]
  /** Finds all tasks and sends each this signal. */
  readonly kill?: string
  /** Stays until it is killed. */
  readonly stay?: boolean
}

/** What it prints. */
export interface CallerReport {
  readonly pid: number
  readonly infos?: TaskInfo[]
  /** Supervisors' pids of the tasks that were signalled. */
  readonly killed?: number[]
  /** Codes of the errors that the search met. */
  readonly met?: string[]
  readonly error?: { code: string; name: string; message: string } & Record<string, unknown>
}

/** argv of a Node program that spawns tasks, and its report once it is written. */
export function callerCommand(plan: CallerPlan): { argv: string[]; report: () => Promise<CallerReport> } {
  const directory = tempDir()
  // The caller may be another user.
  chmodSync(directory, 0o777)
  const file = join(directory, 'report')
  endTasksAfterTest(plan.pool.path)
  const report = async () => {
    await eventually(() => existsSync(file), { what: 'the caller reports' })
    return JSON.parse(readFileSync(file, 'utf8')) as CallerReport
  }
  return { argv: [process.execPath, CALLER, file, JSON.stringify(plan)], report }
}

/**
 * Starts a real caller, which leads a session of its own; resolves when it has done what it is to.
 *
 * @param prefix argv of a program that runs it, such as `setpriv`.
 */
export async function runCaller(plan: CallerPlan, options?: ProgramOptions, prefix: readonly string[] = []) {
  const { argv, report } = callerCommand(plan)
  // What runs it may make it another user.
  const program = prefix.length === 0 ? argv : [...prefix, reachableNode(), reachable(CALLER), ...argv.slice(2)]
  const caller = startProgram(program, options)
  return { caller, ...(await report()) }
}

/** The task of an info, seen from here. */
export function taskOf(poolPath: string, info: TaskInfo | undefined): Task {
  if (info === undefined) throw new Error('the caller has no such task')
  const task = Task.at(join(poolPath, socketFileName(info.supervisorPid)))
  onTestFinished(() => task.disconnect())
  return task
}
