import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Task } from '@bgtask/client'
import { type SpawnOptions, TaskPool, type TaskPoolOptions } from '@bgtask/pool'
import type { TaskRecord } from '@bgtask/protocol'
import { eventually, makeTempDir, processStat } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'
import { supervisorCommand } from '../../src/command.js'

const KILL = [{ killSignal: 'KILL', waitMs: 5_000 }] as const

/** A pool in a directory of its own; whatever runs in it ends with the test, whose tasks it was. */
export function makePool(options: Partial<TaskPoolOptions> = {}): TaskPool {
  const directory = makeTempDir()
  const pool = new TaskPool({ path: directory.path, ...options })
  onTestFinished(async () => {
    if (existsSync(pool.path)) await endAll(pool)
    directory.remove()
  })
  return pool
}

async function endAll(pool: TaskPool): Promise<void> {
  await pool.close()
  for (const task of await pool.search()) await task.terminateSupervisor({ steps: KILL }).catch(() => {})
  for (const lost of await pool.lost()) await lost.stop({ steps: KILL })
}

/** A task in a pool of its own. */
export function spawnTask(options: SpawnOptions): Promise<Task> {
  return makePool().spawn(options)
}

/** For tasks that the pool cannot find any more, because of what the test does to its directory. */
export function endAfterTest(task: Task): Task {
  onTestFinished(async () => {
    await task.terminateSupervisor({ steps: KILL }).catch(() => {})
  })
  return task
}

/** Resolves when nothing is left of it: a thread that is still dying holds socket and lock. */
export async function killSupervisor(task: Task): Promise<void> {
  process.kill(task.pid, 'SIGKILL')
  await eventually(() => processStat(task.pid) === undefined)
}

/** What is on record at this moment. */
export async function recordOf(task: Task): Promise<TaskRecord> {
  const record = await (task.taskPool as TaskPool).record(task.pid)
  if (record === undefined) throw new Error(`no record of ${task.pid}`)
  return record
}

/** The supervisor's own words so far. */
export function logOf(task: Task): string {
  return readFileSync((task.taskPool as TaskPool).outputPath(task.pid), 'utf8')
}

/** argv of a supervisor in a file, as the default one is started. */
export function supervisorCmd(file: string, ...args: string[]): string[] {
  return supervisorCommand([process.execPath, file, ...args])
}

/** The text of all kept stdout. */
export async function textOf(task: Task): Promise<string> {
  const { data } = await task.stdout.read({ maxBytes: 512 * 1024 })
  return Buffer.from(data).toString()
}

/** Waits for a line `name=number` on stdout. */
export async function told(task: Task, name: string): Promise<number> {
  const match = await task.stdout.waitFor(new RegExp(`\\b${name}=(\\d+)\n`), { timeoutMs: 20_000 })
  if (match === undefined) throw new Error(`the output ended without ${name}=`)
  return Number(match.captures[0])
}

/** A program that tests start. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
}
