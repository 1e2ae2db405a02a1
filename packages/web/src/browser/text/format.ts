import type { RecordedInfo, SomeSurvivors } from '@bgtask/protocol'

/** Formats a duration with its two largest units: `3.2 s`, `4m 05s`, `2h 11m`, `3d 4h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.floor(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${pad(Math.floor(seconds % 60))}s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours}h ${pad(minutes % 60)}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** Formats a size with binary units, like the options of a task. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** Formats the local time of day with milliseconds. */
export function formatTime(at: number): string {
  const date = new Date(at)
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':')
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** The task's name, else its command. */
export function taskName({ meta, command }: RecordedInfo): string {
  return typeof meta.name === 'string' && meta.name !== '' ? meta.name : commandText(command)
}

/** The command line as typed. The option `cmd` becomes `sh -c`, so only its script is shown. */
export function commandText(command: readonly string[]): string {
  const [program, option, script] = command
  if (command.length === 3 && program === '/bin/sh' && option === '-c') return script as string
  return command.map((argument) => (/^[\w@%+=:,./-]+$/.test(argument) ? argument : JSON.stringify(argument))).join(' ')
}

/** Lists the processes that outlived a stop, at most ten: `12 (sleep 1000), 13 (cat) and 5 more`. */
export function survivorsText({ survivors = [], moreSurvivors = 0 }: Partial<SomeSurvivors>): string {
  const names = survivors.slice(0, 10).map(({ pid, command }) => `${pid} (${command})`)
  const more = survivors.length - names.length + moreSurvivors
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more`
}

/** Duration of the current or last run, in ms; undefined if unknown. */
export function runDuration({ startedAt, exitedAt, state }: RecordedInfo, now: number): number | undefined {
  if (startedAt === null) return undefined
  if (exitedAt !== null) return exitedAt - startedAt
  return state === 'lost' || state === 'orphaned' ? undefined : now - startedAt
}

/** Describes the state; for a task that has ended, also how. */
export function stateText({ state, exitStatus, failure }: RecordedInfo): string {
  if (state === 'lost') return 'Lost: the supervisor died, the exit status is unknown'
  if (state === 'orphaned') return 'Orphaned: the supervisor died, the program is still running'
  if (state === 'failed') return failure ?? 'Failed'
  if (state !== 'exited' || exitStatus === null) return state[0]?.toUpperCase() + state.slice(1)
  const how = exitStatus.signal === null ? `exit code ${exitStatus.exitCode}` : `ended by ${exitStatus.signal}`
  const why = { exit: '', signal: '', stopped: ', stopped', timeout: ', timed out' }[exitStatus.cause]
  return `${how[0]?.toUpperCase()}${how.slice(1)}${why}`
}

/** Visual category of a task's state. */
export type Tone = 'running' | 'paused' | 'done' | 'failed' | 'lost'

export function taskTone({ state, exitStatus }: RecordedInfo): Tone {
  if (state === 'lost' || state === 'orphaned') return 'lost'
  if (state === 'failed') return 'failed'
  if (state === 'paused' || state === 'backoff') return 'paused'
  if (state !== 'exited') return 'running'
  return exitStatus?.exitCode === 0 || exitStatus?.cause === 'stopped' ? 'done' : 'failed'
}

export interface Progress {
  /** From 0 to 1; undefined if only text is known. */
  readonly part?: number
  readonly text: string
}

/** Reads `meta.progress`. Any client may have written it, so values of other types are ignored. */
export function taskProgress({ meta }: RecordedInfo): Progress | undefined {
  const { done, total, text } = (
    typeof meta.progress === 'object' && meta.progress !== null ? meta.progress : {}
  ) as Record<string, unknown>
  const isCounted = typeof done === 'number' && typeof total === 'number' && total > 0
  const part = isCounted ? Math.min(Math.max(done / total, 0), 1) : undefined
  const counted = isCounted
    ? `${formatCount(done)} of ${formatCount(total)}`
    : typeof done === 'number'
      ? formatCount(done)
      : ''
  const words = [counted, typeof text === 'string' ? text : ''].filter(Boolean).join(' · ')
  return words === '' ? undefined : { part, text: words }
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
