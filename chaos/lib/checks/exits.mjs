import { faultsDuring } from '../fault-times.mjs'
import { runProcesses } from '../processes.mjs'

export function lostExits({ side, journal, ...around }) {
  const reported = reportedOf(around)
  const found = []
  for (const { subject: key } of journal.of('spawned')) {
    // Tasks of the other side are checked there. A task that was ended, or whose group's leader is gone, may be gone with its exit.
    const mayBeGone = !key.startsWith(side) || journal.has('ending', key) || journal.has('background', key)
    if (!reported.has(key) && !mayBeGone) found.push({ key, what: 'the task and its record are missing' })
  }
  for (const [key, { info, lives }] of reported) {
    found.push(...contradictions(info, wereWritten('heard', key, lives, journal)).map((what) => ({ key, what })))
    if (lives) found.push(...untruths(info, key, journal).map((what) => ({ key, what })))
  }
  return found
}

/**
 * An exit whose event says `recorded` is in the info or the record; one that could not be recorded had a system fault.
 */
export function contradictedAnnouncements({ journal, ...around }) {
  const found = []
  for (const [key, { info }] of reportedOf(around)) {
    const announced = journal.of('announced', key).map((entry) => {
      const [how, ...status] = entry.rest.split(' ')
      return { ...entry, rest: status.join(' '), isRecorded: how === 'recorded' }
    })
    const recorded = announced.filter(({ isRecorded }) => isRecorded)
    found.push(...contradictions(info, recorded).map((what) => ({ key, what: `its event says recorded: ${what}` })))
    const groundless = announced.filter((entry) => !entry.isRecorded && !faultsDuring(journal, runOf(entry, journal)))
    found.push(
      ...groundless.map(({ number, at }) => ({
        key,
        at,
        what: `the event of run ${number} says not recorded, without a fault`,
      })),
    )
  }
  return found
}

/** The info of each task by its key: of a live one from its supervisor, of a lost one from its record. */
function reportedOf({ tasks, lost }) {
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

/** The time span in which the run of an entry ended: not before the start of the run before it. */
function runOf({ subject: key, number, at }, journal) {
  const before = journal.of('start', key).slice(0, number - 1)
  return { key, from: before.at(-1)?.at ?? 0, to: at }
}

/** Each exit that a client received must be recorded. */
function contradictions({ run, exitStatus }, heard) {
  const isWrong = ({ number, rest }) => {
    if (number !== run) return number > run
    return exitStatus === null || rest !== `${exitStatus.exitCode} ${exitStatus.signal}`
  }
  return heard
    .filter(isWrong)
    .map(
      ({ number, rest }) =>
        `a client received ${rest} as the exit of run ${number}, reported is run ${run} with ${JSON.stringify(exitStatus)}`,
    )
}

/** The info of a live supervisor must be true. */
function untruths({ state, pid, exitStatus }, key, journal) {
  const alive = runProcesses().some((process) => process.pid === pid)
  if (state === 'running' || state === 'paused')
    return alive ? [] : [`its state is ${state}, but its child ${pid} does not exist`]
  const starts = journal.of('start', key)
  const last = starts.at(-1)
  if (state !== 'exited' || last === undefined) return []
  const said = journal.of('exit', key).findLast(({ number }) => number === last.number)
  const { exitCode, signal } = exitStatus ?? {}
  if (exitStatus === null) return ['it has exited without a status']
  if (said !== undefined && signal === null && exitCode !== Number(said.rest))
    return [`it exited with ${said.rest}, reported is ${exitCode}`]
  if (signal !== null && !journal.has('signalled', key)) return [`reported is ${signal}, which was never sent`]
  return []
}
