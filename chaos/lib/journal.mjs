import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'

/** How long (s) before and after a violation the lines of others may explain it. */
const AROUND_S = 0.5

/** More lines than that explain nothing. */
const MAX_STORY = 80

/**
 * What happened, as lines `time event subject number rest`, written by everybody who takes part: one short append each,
 * which the kernel keeps apart. The file is that of `$CHAOS_JOURNAL`, the time is that of the machine's start, in seconds.
 */
export function note(event, subject, number = process.pid, rest = '') {
  appendFileSync(process.env.CHAOS_JOURNAL, `${uptime()} ${event} ${subject} ${number} ${rest}\n`)
}

export function uptime() {
  return readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]
}

export function readJournal() {
  const entries = parse(readFileSync(process.env.CHAOS_JOURNAL, 'utf8'))
  const bySubject = group(entries, 'subject')
  const byEvent = group(entries, 'event')
  const about = (subject) => bySubject.get(subject) ?? []
  const of = (event, subject) =>
    subject === undefined ? (byEvent.get(event) ?? []) : about(subject).filter((entry) => entry.event === event)
  const has = (event, subject) => of(event, subject).length > 0
  return { entries, about, of, has }
}

/** Gives, at each call, what has been written since the last one. */
export function followJournal() {
  let position = 0
  let rest = ''
  return () => {
    const fd = openSync(process.env.CHAOS_JOURNAL)
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(fd).size - position))
      position += readSync(fd, bytes, 0, bytes.length, position)
      const lines = `${rest}${bytes.toString('latin1')}`.split('\n')
      rest = lines.pop()
      return parse(lines.join('\n'))
    } finally {
      closeSync(fd)
    }
  }
}

/**
 * The lines that explain what happened to a task: its own, those of who was killed for it, of its supervisor, of faults of
 * the system in its time, and whatever happened right around `at`.
 */
export function storyOf(journal, key, at) {
  const own = key === undefined ? [] : journal.about(key)
  const supervisors = new Set(own.filter(({ event }) => event === 'spawned').map(({ number }) => number))
  const [from, to] = own.length === 0 ? [0, -1] : [own[0].at - AROUND_S, own.at(-1).at + AROUND_S]
  const isPart = (entry) => {
    if (at !== undefined && Math.abs(entry.at - at) <= AROUND_S) return true
    if (key === undefined) return false
    if (entry.subject === key || entry.rest.split(' ').includes(key)) return true
    if (entry.at < from || entry.at > to) return false
    return entry.event === 'fault' || (entry.subject === 'supervisor' && supervisors.has(entry.number))
  }
  const lines = journal.entries.filter(isPart).map(({ line }) => line)
  return lines.length <= MAX_STORY ? lines : ['…', ...lines.slice(-MAX_STORY)]
}

function parse(text) {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line, index) => {
      const [at, event, subject, number, ...rest] = line.split(' ')
      return { at: Number(at), event, subject, number: Number(number), rest: rest.join(' ').trim(), line, index }
    })
}

function group(entries, property) {
  const groups = new Map()
  for (const entry of entries) {
    const list = groups.get(entry[property])
    if (list === undefined) groups.set(entry[property], [entry])
    else list.push(entry)
  }
  return groups
}
