import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import {
  allPids,
  COOKIE_VARIABLE,
  isLive,
  LAUNCH_VARIABLE,
  readEnvironment,
  readProcessStat,
  SUPERVISOR_PID_VARIABLE,
} from '@bgtask/os'

/** The mark of one run, which everything that it starts inherits. */
export const RUN_VARIABLE = 'CHAOS_RUN'

/** Processes that are not of this run, and never will be: reading every environment again takes most of the time. */
const foreign = new Set()

/**
 * All processes of this run that live, but for this one, with what they are: child, supervisor, caller, client, reader,
 * listener or foreign; and those that have dropped their environment, with the role `escaped`.
 */
export function runProcesses() {
  const known = knownEscapes()
  return allPids().flatMap((pid) => processOf(pid, known) ?? [])
}

/** One process, if it is of this run and lives. */
export function processOf(pid, known = knownEscapes()) {
  // The start time first: should the pid be reused after this, no signal is sent.
  const stat = readProcessStat(pid)
  if (stat === undefined || pid === process.pid || !isLive(stat)) return undefined
  const { startTime, ppid } = stat
  const life = `${pid} ${startTime}`
  if (known.has(life)) return { pid, startTime, ppid, role: 'escaped', key: known.get(life) }
  if (foreign.has(life)) return undefined
  const env = environmentOf(pid)
  if (env[RUN_VARIABLE] !== process.env[RUN_VARIABLE]) {
    // It is also empty in the middle of an exec.
    if (Object.keys(env).length > 0) foreign.add(life)
    return undefined
  }
  const taskId = env[COOKIE_VARIABLE]
  const role = taskId !== undefined ? 'child' : env[LAUNCH_VARIABLE] !== undefined ? 'supervisor' : env.CHAOS_ROLE
  const supervisorPid = taskId === undefined ? undefined : Number(env[SUPERVISOR_PID_VARIABLE])
  return { pid, startTime, ppid, role, key: env.CHAOS_KEY, taskId, supervisorPid }
}

/** Whether that very process lives. */
export function livesOn({ pid, startTime }) {
  const stat = readProcessStat(pid)
  return stat?.startTime === startTime && isLive(stat)
}

/** Those of `roots` that live and all that descend from them by parent, whatever else they have dropped. */
export function descendants(roots) {
  const stats = allPids().flatMap((pid) => readProcessStat(pid) ?? [])
  const found = new Set(roots)
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const { pid, ppid } of stats) if (found.has(ppid)) found.add(pid)
  }
  return stats.filter((stat) => found.has(stat.pid) && isLive(stat))
}

/** What `programs/escape.sh` has registered: keys by `pid startTime`. */
export function knownEscapes() {
  const lines = (readOrUndefined(process.env.CHAOS_ESCAPED) ?? '').split('\n').filter(Boolean)
  return new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.split(' ', 1)[0]]))
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

function environmentOf(pid) {
  return Object.fromEntries(
    readEnvironment(pid).map((entry) => [entry.split('=', 1)[0], entry.slice(entry.indexOf('=') + 1)]),
  )
}

function list(path) {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** A process may end between two reads. */
function readOrUndefined(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
