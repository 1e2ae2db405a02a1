/** What happened, in figures. */
export function takeStock({ side, tasks, lost, journal, streams }, { killer, foreigners, faults }) {
  // The other side's tasks are its own business.
  const of = (event) => journal.of(event).filter(({ subject }) => subject.startsWith(side))
  const count = (event) => of(event).length
  return {
    tasks: {
      asked: count('spawning'),
      spawned: count('spawned'),
      refused: countBy(of('refused')),
      runs: count('start'),
      alive: tasks.length,
      lost: lost.filter(({ state }) => state === 'lost').length,
      orphaned: lost.filter(({ state }) => state === 'orphaned').length,
      ended: new Set(of('ending').map(({ subject }) => subject)).size,
    },
    kills: killer.kills,
    stops: killer.stops,
    faults: faults.count ?? 0,
    foreigners: { started: foreigners.count, withPidOfChild: foreigners.reused },
    exitsHeard: count('heard'),
    exitsAnnounced: countBy(of('announced').map(({ rest }) => ({ rest: rest.split(' ', 1)[0] }))),
    stopsObserved: count('stopped'),
    streams: streams.size,
    errors: countBy(journal.of('error')),
  }
}

/** By the word that says which, most frequent first. */
function countBy(entries) {
  const counts = {}
  for (const { rest } of entries) counts[rest] = (counts[rest] ?? 0) + 1
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a))
}
