import type { RecordedInfo } from '@bgtask/protocol'
import { commandText, taskName, taskTone } from '../text/format.js'

/** Groups of states that the user can filter by. */
export const STATE_FILTERS = ['all', 'running', 'ended', 'failed', 'lost'] as const
export type StateFilter = (typeof STATE_FILTERS)[number]

/**
 * Whether a task passes the filter. Each word of the text must occur in name, command, id, pid or state; `key=value` (with
 * dots for nested keys) must match meta, and `key=` requires the key.
 */
export function isShown(info: RecordedInfo, text: string, state: StateFilter): boolean {
  return (
    inState(info, state) &&
    text
      .split(/\s+/)
      .filter(Boolean)
      .every((word) => matches(info, word))
  )
}

export function inState(info: RecordedInfo, state: StateFilter): boolean {
  const tone = taskTone(info)
  if (state === 'all') return true
  if (state === 'running') return tone === 'running' || tone === 'paused'
  if (state === 'ended') return info.state === 'exited' || info.state === 'failed'
  return tone === state
}

function matches(info: RecordedInfo, word: string): boolean {
  const [, path, expected] = /^([\w.-]+)=(.*)$/.exec(word) ?? []
  if (path === undefined || expected === undefined) {
    const texts = [taskName(info), commandText(info.command), info.taskId, `${info.supervisorPid}`, info.state]
    return texts.some((text) => text.toLowerCase().includes(word.toLowerCase()))
  }
  const value = path
    .split('.')
    .reduce<unknown>(
      (at, key) =>
        typeof at === 'object' && at !== null && Object.hasOwn(at, key)
          ? (at as Record<string, unknown>)[key]
          : undefined,
      info.meta,
    )
  if (expected === '') return value !== undefined
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text?.toLowerCase() === expected.toLowerCase()
}
