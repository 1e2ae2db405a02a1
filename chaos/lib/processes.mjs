import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { COOKIE_VARIABLE, isRunning, LAUNCH_VARIABLE, readProcessStat, SUPERVISOR_PID_VARIABLE } from '@bgtask/protocol'

/** The mark of one run, which everything that it starts inherits. */
export const RUN_VARIABLE = 'CHAOS_RUN'

/** Processes that are not of this run, and never will be: reading every environment again takes most of the time. */
const foreign = new Set()

/** All processes of this run that live, but for this one, with what they are: child, supervisor, caller, client or reader. */
export function runProcesses() {
  const run = process.env[RUN_VARIABLE]
  return allPids().flatMap((pid) => {
    // The start time first: should the pid be reused after this, no signal is sent.
    const stat = readProcessStat(pid)
    if (stat === undefined || !isRunning(pid, stat.startTime) || pid === process.pid) return []
    const life = `${pid} ${stat.startTime}`
    if (foreign.has(life)) return []
    const env = environmentOf(pid)
    if (env[RUN_VARIABLE] !== run) {
      // Empty it is also in the middle of an exec.
      if (Object.keys(env).length > 1) foreign.add(life)
      return []
    }
    const taskId = env[COOKIE_VARIABLE]
    const role = taskId !== undefined ? 'child' : env[LAUNCH_VARIABLE] !== undefined ? 'supervisor' : env.CHAOS_ROLE
    const supervisorPid = taskId === undefined ? undefined : Number(env[SUPERVISOR_PID_VARIABLE])
    return [{ pid, startTime: stat.startTime, role, key: env.CHAOS_KEY, taskId, supervisorPid }]
  })
}

/** Open descriptors as `N -> what it leads to`. */
export function descriptorsOf(pid) {
  return list(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [`${fd} -> ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`]
    } catch {
      return []
    }
  })
}

export function commandOf(pid) {
  return (readOrUndefined(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim()
}

function allPids() {
  return list('/proc').map(Number).filter(Number.isInteger)
}

function environmentOf(pid) {
  const text = readOrUndefined(`/proc/${pid}/environ`) ?? ''
  return Object.fromEntries(
    text.split('\0').map((entry) => [entry.split('=', 1)[0], entry.slice(entry.indexOf('=') + 1)]),
  )
}

function list(path) {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Processes end between two looks. */
function readOrUndefined(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
