import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { POOL_PATH_VARIABLE } from '@bgtask/os'
import { TaskPool, type TaskPoolOptions } from '@bgtask/pool'
import { allPids, eventually, isAlive, processArgv, processEnv, tempDir } from '@bgtask/testkit'
import { expect, onTestFinished } from 'vitest'

/** A pool in a directory of its own; whatever runs in it is killed when the test has finished. */
export function makePool<T extends Task = Task>(options: Partial<TaskPoolOptions<T>> = {}): TaskPool<T> {
  const pool = new TaskPool<T>({ path: join(tempDir(), 'pool'), mkdirIfMissing: true, ...options })
  endTasksAfterTest(pool.path)
  return pool
}

/** For pools that only other processes open. */
export function endTasksAfterTest(poolPath: string): void {
  onTestFinished(async () => {
    const noneLeft = () => {
      const left = processesOf(poolPath)
      for (const pid of left) killIfThere(pid)
      return left.length === 0
    }
    await eventually(noneLeft, { what: `no process of the pool ${poolPath} is left` })
  })
}

/** Supervisors, children and whatever else works for a pool, by its path in their environment. */
export function processesOf(poolPath: string): number[] {
  return allPids().filter((pid) => processEnv(pid)[POOL_PATH_VARIABLE] === poolPath && isAlive(pid))
}

/** No process, socket, log, record or held lock: as if the task had never been. */
export function expectNothingLeft(poolPath: string, lockfile?: string): void {
  const left = {
    processes: commandsOf(poolPath),
    files: readdirSync(poolPath),
    locks: lockfile === undefined ? [] : locksOn(lockfile),
  }
  expect(left).toEqual({ processes: [], files: [], locks: [] })
}

/** Command lines of the processes that work for a pool. */
export function commandsOf(poolPath: string): string[] {
  return processesOf(poolPath).map((pid) => processArgv(pid).join(' '))
}

/** The kernel's locks on a file, of whatever kind, as lines of `/proc/locks`. */
export function locksOn(file: string): string[] {
  const inode = statSync(file, { throwIfNoEntry: false })?.ino
  const lines = readFileSync('/proc/locks', 'utf8').split('\n')
  return lines.filter((line) => line.includes(`:${inode} `))
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended since we looked.
  }
}
