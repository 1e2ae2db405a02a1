import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processIdentity, recordFileName } from '@bgtask/os'
import type { RecordedInfo, TaskRecord } from '@bgtask/protocol'
import { onTestFinished } from 'vitest'

/** A process that does nothing until it is killed, or the test is over. */
export async function idleProcess(
  env: NodeJS.ProcessEnv = {},
  detached = false,
): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached, env: { ...process.env, ...env } })
  await once(child, 'spawn')
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child as ChildProcess & { pid: number }
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** The record of a supervisor with that pid that lives now, as a supervisor writes it. */
export function recordOf(pid: number, info: Partial<RecordedInfo> = {}, rest: Partial<TaskRecord> = {}): TaskRecord {
  return {
    v: 1,
    supervisor: processIdentity(pid),
    child: null,
    uid: process.getuid?.() ?? 0,
    info: {
      taskId: randomBytes(16).toString('hex'),
      supervisorPid: pid,
      pid: null,
      meta: {},
      command: ['date'],
      cwd: '/',
      behavior: 'daemon',
      lockfile: null,
      state: 'running',
      run: 1,
      restarts: 0,
      restart: { on: 'never', delayMs: 1_000, maxDelayMs: 60_000, factor: 2, maxRestarts: 10, resetAfterMs: 60_000 },
      createdAt: 1,
      startedAt: 1,
      exitedAt: null,
      exitStatus: null,
      exitOffsets: null,
      nextStartAt: null,
      failure: null,
      stdio: 'pipe',
      spool: null,
      lingerMs: null,
      retiredAt: null,
      protocol: 1,
      software: 'test',
      features: [],
      ...info,
    },
    ...rest,
  }
}

/** Writes a record where its supervisor would, and gives the path. */
export function writeRecord(directory: string, record: TaskRecord): string {
  const path = join(directory, recordFileName(record.info.supervisorPid, record.info.taskId))
  writeFileSync(path, JSON.stringify(record))
  return path
}
