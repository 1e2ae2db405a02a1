import type { ConformanceReport, Outcome } from './run.js'

const MARKS = { holds: '✓', fails: '✗', warns: '!', skipped: '-' } as const

/** Ids take this much; most checks hold to one or two sentences. */
const IDS_WIDTH = 24

/** One line of the table, and below it what was found instead. */
export function formatOutcome({ status, ids, title, reason, level }: Outcome): string {
  const line = `${MARKS[status]} ${status.padEnd(7)} ${ids.join(' ').padEnd(IDS_WIDTH)} ${title}`
  const kind = level === 'should' ? ' (SHOULD)' : ''
  if (reason === undefined) return line + kind
  const found = reason.split('\n').map((words) => `    ${words}`.trimEnd())
  return [line + kind, ...found].join('\n')
}

/** The last line: how many of what. */
export function formatSummary({ outcomes, profile, conforms }: ConformanceReport): string {
  const count = (status: Outcome['status']) => outcomes.filter((outcome) => outcome.status === status).length
  const counts = `${count('holds')} hold, ${count('fails')} fail, ${count('warns')} warn, ${count('skipped')} skipped`
  return `profile ${profile}: ${conforms ? 'conforms' : 'does not conform'} (${counts})`
}
