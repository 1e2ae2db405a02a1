/** Whether the system failed a task's supervisor at any moment from one time to another (s). */
export function faultsDuring(journal, { key, from, to }) {
  const supervisors = new Set(journal.of('spawned', key).map(({ number }) => number))
  const faults = [
    ...journal.of('fault', 'disk'),
    ...journal.of('fault', 'descriptors').filter(({ number }) => supervisors.has(number)),
  ]
  const inTime = faults.filter(({ at }) => at <= to)
  // One that begins in that time, or is still on as it begins.
  return inTime.some(({ at, rest }) => at >= from || (rest.startsWith('begin') && !endsBefore(inTime, at, from)))
}

function endsBefore(faults, begin, time) {
  return faults.some(({ at, rest }) => rest === 'end' && at >= begin && at < time)
}
