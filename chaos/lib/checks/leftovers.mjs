import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { taskOptions } from '../plan.mjs'
import { commandOf, descriptorsOf, runProcesses } from '../processes.mjs'

export async function heldDescriptors({ tasks, descriptorLimit }) {
  const found = []
  for (const task of tasks) {
    await task.info()
    const held = descriptorsOf(task.pid)
    if (held.length > descriptorLimit)
      found.push({
        key: task.cachedInfo.meta.key,
        what: `supervisor ${task.pid} holds ${held.length} descriptors`,
        held,
      })
    task.disconnect()
  }
  return found
}

export async function heldLocks({ pool, lockfiles }) {
  const found = []
  for (const lockfile of lockfiles) {
    try {
      const task = await pool.spawn(taskOptions('probe', 'quick', { lockfile, seconds: 0 }))
      await task.terminateSupervisor()
    } catch (error) {
      if (!isEscaped(error.holder)) found.push({ what: `${error.message}` })
    }
  }
  return found
}

/** It lives and has its lock; whether it could have been found, and ended, is another check's business. */
function isEscaped({ kind, childPid } = {}) {
  return kind === 'orphan' && runProcesses().some(({ pid, role }) => role === 'escaped' && pid === childPid)
}

/** Foreigners end by themselves, and whether those that dropped everything could be found is another check's business. */
export function leftProcesses() {
  return runProcesses()
    .filter(({ role }) => role !== 'foreign' && role !== 'escaped')
    .map(({ pid, role, key }) => ({ key, what: `${role ?? 'process'} ${pid} (${commandOf(pid)})` }))
}

/**
 * A sweep leaves files without a socket while any process has their pid, since that may be a supervisor which is just starting;
 * and in a long run most pids come again.
 */
export async function leftFiles({ pool }) {
  await pool.sweep()
  const isLeft = (name) => name.endsWith('.sock') || !existsSync(`/proc/${/\d+/.exec(name)}`)
  return readdirSync(pool.path)
    .filter(isLeft)
    .map((name) => ({ what: `file ${name}` }))
}

export async function ownDescriptors({ ownDescriptors: before }) {
  // What has just been closed goes in the next turns of the loop.
  await delay(0)
  const now = listOwnDescriptors()
  return now.length > before ? [{ what: `${now.length} descriptors instead of ${before}`, held: now }] : []
}

/** Without the one by which Node watches directories, and which it keeps. */
export function listOwnDescriptors() {
  return descriptorsOf(process.pid).filter((descriptor) => !descriptor.endsWith('inotify'))
}
