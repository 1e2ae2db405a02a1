import { readFileSync } from 'node:fs'
import { streamContent } from '../plan.mjs'
import { knownEscapes } from '../processes.mjs'
import { startedUnrecorded } from './running.mjs'

export function doubleHolders({ journal, side }) {
  return (
    journal
      .of('double')
      // The other side knows its own.
      .filter(({ subject }) => subject.startsWith(side))
      .filter(({ rest }) => !cannotBeFound({ pid: Number(rest), side }, journal))
      .map(({ subject: key, number, rest }) => ({ key, what: `${number} held a lock together with ${rest}` }))
  )
}

/** A child that dropped everything, and that its supervisor, which was killed, could not record: no successor can know of it. */
function cannotBeFound({ pid, side }, journal) {
  const start = journal.of('start').findLast(({ number, subject }) => number === pid && subject.startsWith(side))
  const hasEscaped = [...knownEscapes().keys()].some((life) => life.startsWith(`${pid} `))
  return hasEscaped && start !== undefined && startedUnrecorded({ key: start.subject, pid, side }, journal)
}

export function wrongStreams({ tasks, journal, streams, receivedFile }) {
  const infos = new Map(tasks.map(({ cachedInfo }) => [cachedInfo.meta.key, cachedInfo]))
  return [...streams].flatMap(([key, lines]) =>
    streamProblems(key, readFileSync(receivedFile(key)), streamContent(key, lines), infos.get(key), journal).map(
      (what) => ({
        key,
        what,
      }),
    ),
  )
}

function streamProblems(key, bytes, expected, info, journal) {
  const gaps = journal.of('gap', key).map(({ number, rest }) => `bytes ${number} to ${rest} were lost`)
  if (!bytes.equals(expected.subarray(0, bytes.length))) return [...gaps, 'what came is not what was written']
  // How far a killed supervisor would have read is unknown.
  if (info === undefined) return gaps
  const { eof, endOffset } = info.streams[1]
  if (!eof || endOffset !== bytes.length) return [...gaps, `${bytes.length} bytes came of ${endOffset}, eof is ${eof}`]
  const isWhole = bytes.length === expected.length || journal.has('signalled', key)
  return isWhole ? gaps : [...gaps, `${bytes.length} bytes came of ${expected.length}`]
}
