import { faultsDuring } from '../fault-times.mjs'
import { commandOf, runProcesses } from '../processes.mjs'

/** How long (s) after its start a child may not be on record yet: a busy supervisor gets there late. */
const RECORDING_S = 0.5

/** Each supervisor must be found by a search, each child by its task, which must not be reported as lost. */
export function unreported({ tasks, lost, problems, journal, side }) {
  const found = []
  const lives = new Set(tasks.map(({ cachedInfo }) => cachedInfo.meta.key))
  const supervisors = new Set(tasks.map(({ pid }) => pid))
  const mains = new Set(journal.of('start').map(({ number, subject }) => `${number} ${subject}`))
  for (const { pid, role, key } of runProcesses()) {
    const what = `${role} ${pid} (${commandOf(pid)})`
    const isMain = mains.has(`${pid} ${key}`)
    const isKnown = isMain && !startedUnrecorded({ key, pid, side }, journal)
    if (role === 'supervisor' && !supervisors.has(pid)) {
      const spawned = journal.of('spawned').findLast(({ number }) => number === pid)
      found.push({ key: spawned?.subject, what: `${what} runs, and no search finds it`, problems })
    }
    // Other processes that have dropped cookie and pipes cannot be found.
    if (role !== 'child' && !(role === 'escaped' && isKnown)) continue
    const lostTask = lost.find(({ record }) => record.info.meta.key === key)
    if (journal.has('refused', key)) found.push({ key, what: `${what} runs, though its spawn was refused` })
    else if (!lives.has(key) && lostTask === undefined)
      found.push({ key, what: `${what} runs, and no task or record has it` })
    else if (lostTask?.state === 'lost' && isMain)
      found.push({ key, what: `${what} runs, and its task is reported as lost` })
  }
  return found
}

/**
 * Whether the supervisor may have been killed before it could record the child that it had started, as where the system failed it.
 * If such a child then drops cookie and pipes, nothing is left by which it could be found.
 */
export function startedUnrecorded({ key, pid, side }, journal) {
  const [spawned] = journal.of('spawned', key)
  if (spawned === undefined) return true
  const starts = journal.of('start', key)
  const place = starts.findLastIndex(({ number }) => number === pid)
  const start = starts[place]
  const kills = journal.of('SIGKILL', `${side}supervisor`).filter(({ number }) => number === spawned.number)
  if (kills.some(({ at }) => at >= spawned.at && at <= start.at + RECORDING_S)) return true
  const { at: from } = starts[place - 1] ?? journal.of('spawning', key).at(-1)
  return faultsDuring(journal, { key, from, to: start.at })
}

/** A lost task's supervisor must have been killed by us: no system fault may end a supervisor. */
export function unendedSupervisors({ lost, side, journal }) {
  const kills = new Set(journal.of('SIGKILL', `${side}supervisor`).map(({ number }) => number))
  return lost.flatMap(({ pid, record }) => {
    const { key } = record.info.meta
    // Requested to end, or in a group whose leader is gone.
    const mayEnd = journal.has('ending', key) || journal.has('background', key) || !journal.has('spawned', key)
    return mayEnd || kills.has(pid) ? [] : [{ key, what: `supervisor ${pid} has ended without a kill` }]
  })
}
