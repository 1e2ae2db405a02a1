import type { JsonObject, RecordedInfo, StopResult } from '@bgtask/protocol'

/** Actions of a console. `list` concerns the console as a whole, all others one task. */
export const CONSOLE_ACTIONS = [
  'list',
  'read',
  'stdin',
  'signal',
  'pause',
  'resume',
  'restart',
  'stop',
  'terminate',
  'meta',
] as const
export type ConsoleAction = (typeof CONSOLE_ACTIONS)[number]

/** Actions that change something; a read-only console refuses them. */
export const WRITE_ACTIONS = ['stdin', 'signal', 'pause', 'resume', 'restart', 'stop', 'terminate', 'meta'] as const
export type WriteAction = (typeof WRITE_ACTIONS)[number]

/** Views of a task's output: one stream, or both in the order in which the supervisor read them. */
export const VIEWS = ['merged', 'stdout', 'stderr'] as const
export type View = (typeof VIEWS)[number]

/** One task of the list. */
export interface ListedTask {
  readonly info: RecordedInfo
  /** End offsets of stdout and stderr; absent if the supervisor is gone. */
  readonly endOffsets?: readonly [stdout: number, stderr: number]
  /** Output rate of both streams in bytes per second, over the last seconds. */
  readonly rate?: number
}

/**
 * Events of a console's stream, `event:` -> `data:` as JSON. Output events have an `id:`, the position after them (to be
 * sent as `Last-Event-ID`): `stdout:1234`, `stderr:55`, or `merged:17:1234:55` (chunk number, stdout, stderr).
 */
export interface ConsoleEvents {
  /** Always the first event. */
  hello: { readonly writable: boolean }
  /** Tasks that are new or changed, and ids of those that are gone. `all`: tasks not listed here are gone, too. */
  tasks: { readonly all?: true; readonly changed: readonly ListedTask[]; readonly gone: readonly string[] }
  /** The selected task was found; `can` lists the actions that this reader may perform. */
  opened: { readonly taskId: string; readonly can: readonly WriteAction[] }
  /** Bytes as base64. `at`: when the supervisor read them (Unix ms); absent if no longer known. */
  output: { readonly stream: 'stdout' | 'stderr'; readonly offset: number; readonly at?: number; readonly data: string }
  /** Bytes from `from` (inclusive) to `to` (exclusive) are missing. */
  gap: { readonly stream: 'stdout' | 'stderr'; readonly from: number; readonly to: number; readonly reason: GapReason }
  /** The stream will send no more output of the selected task. `run`: with the reason `eof`, the run that ended. */
  end: { readonly reason: EndReason; readonly message?: string; readonly run?: number }
  /** The pool cannot currently be watched. */
  problem: { readonly message: string }
}

/**
 * `dropped`: no longer kept. `skipped`: kept, but not shown in this view: before the start of the view, or (merged) its place
 * in the order is unknown.
 */
export type GapReason = 'dropped' | 'skipped'

/**
 * `eof`: the output has ended. `gone`: the supervisor ended or died. `not-found`: the task does not exist. `failed`: see the
 * message.
 */
export type EndReason = 'eof' | 'gone' | 'not-found' | 'failed'

export interface ConsoleEvent<E extends keyof ConsoleEvents = keyof ConsoleEvents> {
  readonly event: E
  readonly data: ConsoleEvents[E]
  readonly id?: string
}

/** Body of a POST, by action. */
export interface ActionBodies {
  /** `eof` closes stdin after `data`. */
  stdin: { readonly data?: string; readonly eof?: boolean }
  /** `tree`: signal all processes of the task, else only the child. */
  signal: { readonly signal: string; readonly tree?: boolean }
  pause: Record<string, never>
  resume: Record<string, never>
  restart: Record<string, never>
  stop: Record<string, never>
  /** Stops the task and ends its supervisor; the kept output is lost. */
  terminate: Record<string, never>
  /** JSON Merge Patch (RFC 7396). */
  meta: { readonly patch: JsonObject }
}

/** Response to a POST, by action. */
export interface ActionResults {
  stdin: { readonly acceptedOffset?: number }
  signal: { readonly delivered: boolean }
  pause: { readonly delivered: boolean }
  resume: { readonly delivered: boolean }
  restart: { readonly restarted: boolean }
  stop: StopResult
  terminate: StopResult
  meta: { readonly meta: JsonObject }
}

/** Response to a request that was refused or failed. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string }
}
