import { once } from 'node:events'
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { recordFileName } from '@bgtask/os'
import { noteMisled } from '../handles.mjs'
import { note } from '../journal.mjs'
import { taskOptions } from '../plan.mjs'
import { until } from '../until.mjs'
import { killProcesses, killSupervisor } from './jobs.mjs'

/** A child runs on without its supervisor, and its record is gone. */
export async function orphan({ pool }) {
  const { task, record } = await start(pool, 'injected-orphan', 'sleeper')
  await killSupervisor(task)
  unlinkSync(record)
  return () => killProcesses('injected-orphan')
}

/** A supervisor is killed, and the journal does not know by whom. */
export async function supervisor({ pool }) {
  const key = 'injected-supervisor'
  const { task, record } = await start(pool, key, 'sleeper')
  note('spawned', key, task.pid)
  await killSupervisor(task)
  return async () => {
    note('ending', key)
    await killProcesses(key)
    unlinkSync(record)
  }
}

/** Puts back a record from before an exit that a client received. */
export function exit({ pool }) {
  return forgetExit(pool, 'injected-exit', 'heard', '')
}

/** The same with an exit that was announced as recorded. */
export function recorded({ pool }) {
  return forgetExit(pool, 'injected-recorded', 'announced', 'recorded ')
}

/** Renames the socket of one task to that of another, which can no longer be found. */
export async function found({ pool }) {
  const { task, taskId, undo } = await replaceSocket(pool, 'injected-found')
  note('alive', 'injected-found', task.pid, taskId)
  return undo
}

/** A handle that believes a path, not the task behind it. */
export async function handle({ pool }) {
  const { task, taskId, undo } = await replaceSocket(pool, 'injected-handle')
  const believer = Task.at(pool.socketPath(task.pid))
  await noteMisled({ task: believer, taskId, key: 'injected-handle' })
  believer.disconnect()
  return undo
}

/** A stream that is to be whole loses what its buffer has no room for. */
export async function stream({ pool, streams }, { actors }) {
  const options = taskOptions('injected-stream', 'stream', { lines: 10_000 })
  const task = await pool.spawn({ ...options, overflow: 'discard' })
  await task.wait()
  actors.ensureReader(task.pid, options.meta)
  await until(() => actors.count('reader') === 0, 30_000)
  return async () => {
    streams.delete('injected-stream')
    await task.terminateSupervisor()
  }
}

/** Clients that stay connected. */
export async function descriptor({ pool }) {
  const { task } = await start(pool, 'injected-descriptor', 'sleeper')
  const sockets = Array.from({ length: 5 }, () => connect(pool.socketPath(task.pid)))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return async () => {
    for (const socket of sockets) socket.destroy()
    await task.terminateSupervisor()
  }
}

async function start(pool, key, kind) {
  const task = await pool.spawn(taskOptions(key, kind))
  const { taskId } = await task.info()
  return { task, taskId, record: join(pool.path, recordFileName(task.pid, taskId)) }
}

async function forgetExit(pool, key, event, prefix) {
  const { task, record } = await start(pool, key, 'cat')
  const before = readFileSync(record)
  await task.stdin.close()
  const { run, exitCode, signal } = await task.wait()
  note(event, key, run, `${prefix}${exitCode} ${signal}`)
  await killSupervisor(task)
  writeFileSync(record, before)
  return () => unlinkSync(record)
}

async function replaceSocket(pool, key) {
  const hidden = await start(pool, key, 'sleeper')
  const other = await start(pool, key, 'sleeper')
  renameSync(pool.socketPath(other.task.pid), pool.socketPath(hidden.task.pid))
  const undo = async () => {
    for (const { task, record } of [hidden, other]) {
      await killSupervisor(task)
      unlinkSync(record)
    }
    await killProcesses(key)
  }
  return { ...hidden, undo }
}
