import { appendFileSync, readFileSync } from 'node:fs'

/**
 * What happened, as lines `event subject number rest`, written by everybody who takes part: one short append each, which
 * the kernel keeps apart. The file is that of `$CHAOS_JOURNAL`.
 */
export function note(event, subject, number = process.pid, rest = '') {
  appendFileSync(process.env.CHAOS_JOURNAL, `${event} ${subject} ${number} ${rest}\n`)
}

export function readJournal() {
  const bySubject = new Map()
  const byEvent = new Map()
  for (const line of readFileSync(process.env.CHAOS_JOURNAL, 'utf8').split('\n').filter(Boolean)) {
    const [event, subject, number, ...rest] = line.split(' ')
    const entry = { event, subject, number: Number(number), rest: rest.join(' ').trim(), line }
    add(bySubject, subject, entry)
    add(byEvent, event, entry)
  }
  const about = (subject) => bySubject.get(subject) ?? []
  const of = (event, subject) =>
    subject === undefined ? (byEvent.get(event) ?? []) : about(subject).filter((entry) => entry.event === event)
  const has = (event, subject) => of(event, subject).length > 0
  return { about, of, has }
}

function add(map, name, entry) {
  const list = map.get(name)
  if (list === undefined) map.set(name, [entry])
  else list.push(entry)
}
