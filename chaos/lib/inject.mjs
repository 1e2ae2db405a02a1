import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { recordFileName } from '@bgtask/protocol'
import { note, readJournal } from './journal.mjs'
import { taskOptions } from './plan.mjs'
import { runProcesses } from './processes.mjs'
import { until } from './until.mjs'

/**
 * For each check something that is really wrong, which it must find and no other: made right before the check, undone by the
 * function that it gives.
 */
export const INJECTIONS = {
  orphan: async ({ pool }) => {
    const task = await pool.spawn(taskOptions('injected', 'sleeper'))
    const { taskId } = await task.info()
    await killSupervisor(task)
    unlinkSync(join(pool.path, recordFileName(task.pid, taskId)))
    return () => killChildren('injected')
  },

  exit: async ({ pool }) => {
    const task = await pool.spawn(taskOptions('injected', 'cat'))
    const { taskId } = await task.info()
    const file = join(pool.path, recordFileName(task.pid, taskId))
    const before = readFileSync(file)
    await task.stdin.close()
    const { run, exitCode, signal } = await task.wait()
    note('heard', 'injected', run, `${exitCode} ${signal}`)
    await killSupervisor(task)
    writeFileSync(file, before)
    return () => unlinkSync(file)
  },

  holder: async ({ lockfiles: [lockfile] }) => {
    const { exec, env } = taskOptions('injected', 'sleeper', { lockfile })
    for (let count = 0; count < 2; count += 1) startJob(exec, { ...process.env, ...env })
    await until(() => readJournal().has('double', 'injected'), 10_000)
    return () => killChildren('injected')
  },

  stream: async ({ pool, streams }, { actors }) => {
    const options = taskOptions('injected', 'stream', { lines: 10_000 })
    const task = await pool.spawn({ ...options, overflow: 'discard' })
    await task.wait()
    actors.ensureReader(task.pid, options.meta)
    await until(() => actors.count('reader') === 0, 30_000)
    return async () => {
      streams.delete('injected')
      await task.terminateSupervisor()
    }
  },

  descriptor: async ({ pool }) => {
    const task = await pool.spawn(taskOptions('injected', 'sleeper'))
    const sockets = Array.from({ length: 5 }, () => connect(pool.socketPath(task.pid)))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    return async () => {
      for (const socket of sockets) socket.destroy()
      await task.terminateSupervisor()
    }
  },

  lock: async ({ lockfiles: [lockfile] }) => {
    startJob(['flock', '-n', lockfile, 'sleep', '1000'], { ...process.env, CHAOS_KEY: 'injected' })
    await until(() => runProcesses().filter(({ key }) => key === 'injected').length === 2, 10_000)
    return () => killChildren('injected')
  },

  process: async () => {
    startJob(['sleep', '1000'], { ...process.env, CHAOS_KEY: 'injected' })
    return () => killChildren('injected')
  },

  socket: async ({ pool }) => {
    const server = createServer().listen(pool.socketPath(1))
    await once(server, 'listening')
    return () => once(server.close(), 'close')
  },

  'own-descriptor': async ({ directory }) => {
    const fd = openSync(directory)
    return () => closeSync(fd)
  },
}

function startJob([program, ...args], env) {
  return spawn(program, args, { env, stdio: 'ignore', detached: true })
}

async function killSupervisor(task) {
  process.kill(task.pid, 'SIGKILL')
  await until(() => !runProcesses().some(({ pid }) => pid === task.pid), 10_000)
}

async function killChildren(key) {
  await until(() => {
    const left = runProcesses().filter((process) => process.key === key)
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    return left.length === 0
  }, 10_000)
}
