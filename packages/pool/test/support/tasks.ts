import type { Task } from '@bgtask/client'
import type { SpawnOptions, TaskPool } from '@bgtask/pool'
import { allPids, eventually, isAlive, processArgv, processEnv } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'
import { isRefused } from '../../src/lost/is-refused.js'

/** Ends at once: nothing that a test runs needs longer. */
const STEPS = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

/** Spawns a task that ends with the test, unless the test ended it. */
export async function spawnTask(pool: TaskPool, options: SpawnOptions = { cmd: 'sleep 1000' }): Promise<Task> {
  const task = await pool.spawn(options)
  onTestFinished(() => endTask(task))
  return task
}

export async function endTask(task: Task): Promise<void> {
  await task.terminateSupervisor({ steps: STEPS }).catch(() => {})
}

/** Kills a supervisor, and waits until the last of its threads has let go of the socket. */
export async function killSupervisor(task: Task): Promise<void> {
  process.kill(task.pid, 'SIGKILL')
  await eventually(() => !isAlive(task.pid))
  await eventually(() => isRefused(task.taskPool.socketPath(task.pid)))
}

/** Supervisors of that pool's directory, whether they have a task or wait for one. */
export function supervisorsOf({ path }: { path: string }): number[] {
  const ours = (pid: number) => {
    const env = processEnv(pid)
    return env.BGTASK_TASKPOOL_PATH === path && env.BGTASK_LAUNCH !== undefined
  }
  return allPids().filter((pid) => isAlive(pid) && ours(pid) && processArgv(pid)[0] !== '/bin/sh')
}
