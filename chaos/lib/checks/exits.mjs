import { faultsDuring } from '../fault-times.mjs'
import { runProcesses } from '../processes.mjs'

export function lostExits({ side, journal, ...around }) {
  const told = toldOf(around)
  const found = []
  for (const { subject: key } of journal.of('spawned')) {
    // The other side's, which looks at them itself; or asked to go, or in a group whose leader has gone: then it may be gone, with its exit.
    const mayBeGone = !key.startsWith(side) || journal.has('ending', key) || journal.has('background', key)
    if (!told.has(key) && !mayBeGone) found.push({ key, what: 'the task is gone without a trace' })
  }
  for (const [key, { info, lives }] of told) {
    found.push(...contradictions(info, wereWritten('heard', key, lives, journal)).map((what) => ({ key, what })))
    if (lives) found.push(...untruths(info, key, journal).map((what) => ({ key, what })))
  }
  return found
}

/**
 * An exit that was announced as recorded is in the info or the record; one that was announced as not recorded had a system
 * that failed.
 */
export function contradictedAnnouncements({ journal, ...around }) {
  const found = []
  for (const [key, { info }] of toldOf(around)) {
    const announced = journal.of('announced', key).map((entry) => {
      const [how, ...status] = entry.rest.split(' ')
      return { ...entry, rest: status.join(' '), isRecorded: how === 'recorded' }
    })
    const recorded = announced.filter(({ isRecorded }) => isRecorded)
    found.push(...contradictions(info, recorded).map((what) => ({ key, what: `announced as recorded: ${what}` })))
    const groundless = announced.filter((entry) => !entry.isRecorded && !faultsDuring(journal, runOf(entry, journal)))
    found.push(
      ...groundless.map(({ number, at }) => ({
        key,
        at,
        what: `run ${number} was announced as not recorded for no reason`,
      })),
    )
  }
  return found
}

/** What is told of each task, by its key: of one that lives by itself, of another by its record. */
function toldOf({ tasks, lost }) {
  return new Map([
    ...lost.map(({ record }) => [record.info.meta.key, { info: record.info, lives: false }]),
    ...tasks.map(({ cachedInfo }) => [cachedInfo.meta.key, { info: cachedInfo, lives: true }]),
  ])
}

/** Without those whose record may not have been possible, and whose supervisor was killed before it could repeat it. */
function wereWritten(event, key, lives, journal) {
  const entries = journal.of(event, key)
  return lives ? entries : entries.filter((entry) => !faultsDuring(journal, runOf(entry, journal)))
}

/** The time in which a run ended, whose end an entry tells: not before the start of the one before it. */
function runOf({ subject: key, number, at }, journal) {
  const before = journal.of('start', key).slice(0, number - 1)
  return { key, from: before.at(-1)?.at ?? 0, to: at }
}

/** What somebody heard must be on record. */
function contradictions({ run, exitStatus }, heard) {
  const isWrong = ({ number, rest }) => {
    if (number !== run) return number > run
    return exitStatus === null || rest !== `${exitStatus.exitCode} ${exitStatus.signal}`
  }
  return heard
    .filter(isWrong)
    .map(
      ({ number, rest }) =>
        `run ${number} was heard to end with ${rest}, told is run ${run} with ${JSON.stringify(exitStatus)}`,
    )
}

/** What a supervisor that lives says must be so. */
function untruths({ state, pid, exitStatus }, key, journal) {
  const alive = runProcesses().some((process) => process.pid === pid)
  if (state === 'running' || state === 'paused')
    return alive ? [] : [`it is told to be ${state}, but its child ${pid} is not there`]
  const starts = journal.of('start', key)
  const last = starts.at(-1)
  if (state !== 'exited' || last === undefined) return []
  const said = journal.of('exit', key).findLast(({ number }) => number === last.number)
  const { exitCode, signal } = exitStatus ?? {}
  if (exitStatus === null) return ['it has exited without a status']
  if (said !== undefined && signal === null && exitCode !== Number(said.rest))
    return [`it said ${said.rest}, told is ${exitCode}`]
  if (signal !== null && !journal.has('signalled', key)) return [`nobody signalled it, told is ${signal}`]
  return []
}
