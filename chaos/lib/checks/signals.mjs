import { readJournal } from '../journal.mjs'

/** How long (s) before a stop others may have done what takes effect only during it. */
const AFTERMATH_S = 5

/** Those that a stop left alive without naming them, though it could have found them when it began. */
export function unnamedSurvivors() {
  const journal = readJournal()
  const unnamed = journal
    .of('unnamed')
    .filter((entry) => isAlone(entry, journal))
    .map(({ subject: key, rest, at }) => ({ key, at, what: `a stop left this alive, and named it not: ${rest}` }))
  const unended = journal.of('unended').map(({ subject: key, rest, at }) => ({ key, at, what: rest }))
  return [...unnamed, ...unended]
}

/** What was to be found when a stop began need not have been so a moment later, if others signalled the task as well. */
function isAlone({ subject: key, number: stopper, index }, journal) {
  const stop = journal.of('stopping', key).findLast((entry) => entry.number === stopper && entry.index < index)
  const own = journal.of('signalled', key).find((entry) => entry.number === stopper && entry.index > stop.index)
  const isOther = (entry) => entry !== own && entry.index < index && entry.at >= stop.at - AFTERMATH_S
  return !journal.of('signalled', key).some(isOther)
}

export function hitForeigners({ foreigners }) {
  foreigners.look()
  const journal = readJournal()
  const names = new Set(journal.of('hit').map(({ subject }) => subject))
  return [...names].filter((name) => name.startsWith(foreigners.prefix)).map((key) => describeHits(key, journal))
}

function describeHits(key, journal) {
  const [came] = journal.of('foreign', key)
  const hits = journal.of('hit', key)
  const session = Number(came.rest.split(' ').at(-1))
  const [side] = key.split('foreign')
  const child = journal
    .of('start')
    .findLast(({ number, subject, index }) => number === session && subject.startsWith(side) && index < came.index)
  const whose = child === undefined ? '' : `, which was the pid of ${child.subject}'s child`
  const what = `foreign process ${came.number} in session ${session}${whose}, was hit: ${hits.map(({ rest }) => rest).join(', ')}`
  return { key, at: hits[0].at, what }
}
