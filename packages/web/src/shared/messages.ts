import type { JsonObject, RecordedInfo, StopResult } from '@bgtask/protocol'

/** What can be asked of a console. `list` is about the console as a whole, everything else about one task. */
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

/** Actions that change something: refused while the console is read-only. */
export const WRITE_ACTIONS = ['stdin', 'signal', 'pause', 'resume', 'restart', 'stop', 'terminate', 'meta'] as const
export type WriteAction = (typeof WRITE_ACTIONS)[number]

/** What of a task's output is looked at: one stream, or both in the order in which they were read. */
export const VIEWS = ['merged', 'stdout', 'stderr'] as const
export type View = (typeof VIEWS)[number]

/** One task of the list. */
export interface ListedTask {
  readonly info: RecordedInfo
  /** One past the newest byte of stdout and stderr; absent where the supervisor is gone. */
  readonly endOffsets?: readonly [stdout: number, stderr: number]
  /** Output of both streams in bytes a second, over the last seconds. */
  readonly rate?: number
}

/**
 * Events of a console's stream, `event:` -> `data:` as JSON. Those of output carry an `id:`, which says where to go on
 * behind them (as `Last-Event-ID`): `stdout:1234`, `stderr:55`, or `merged:17:1234:55` (chunk number, stdout, stderr).
 */
export interface ConsoleEvents {
  /** Comes first. */
  hello: { readonly writable: boolean }
  /** Tasks that are new or changed, and ids of those that are gone. `all`: what is not named here is gone too. */
  tasks: { readonly all?: true; readonly changed: readonly ListedTask[]; readonly gone: readonly string[] }
  /** The opened task was found; `can` is what this reader may do to it. */
  opened: { readonly taskId: string; readonly can: readonly WriteAction[] }
  /** Bytes as base64. `at`: when the supervisor read them (Unix ms), absent where that is no longer known. */
  output: { readonly stream: 'stdout' | 'stderr'; readonly offset: number; readonly at?: number; readonly data: string }
  /** Bytes from `from` up to, not including, `to` are missing. */
  gap: { readonly stream: 'stdout' | 'stderr'; readonly from: number; readonly to: number; readonly reason: GapReason }
  /** No output of the opened task will come any more on this stream. `run`: the one that ended, where the reason is `eof`. */
  end: { readonly reason: EndReason; readonly message?: string; readonly run?: number }
  /** The pool cannot be watched at the moment. */
  problem: { readonly message: string }
}

/**
 * `dropped`: no longer kept. `skipped`: kept, but not in this view: before the part that it begins with, or (merged) not at
 * a known place in the order.
 */
export type GapReason = 'dropped' | 'skipped'

/**
 * `eof`: the output has ended. `gone`: the supervisor ended or died. `not-found`: there is no such task. `failed`: what
 * the message says.
 */
export type EndReason = 'eof' | 'gone' | 'not-found' | 'failed'

export interface ConsoleEvent<E extends keyof ConsoleEvents = keyof ConsoleEvents> {
  readonly event: E
  readonly data: ConsoleEvents[E]
  readonly id?: string
}

/** Body of a POST, by action. */
export interface ActionBodies {
  /** `eof` closes stdin behind `data`. */
  stdin: { readonly data?: string; readonly eof?: boolean }
  /** `tree`: to everything that belongs to the task, else to the child alone. */
  signal: { readonly signal: string; readonly tree?: boolean }
  pause: Record<string, never>
  resume: Record<string, never>
  restart: Record<string, never>
  stop: Record<string, never>
  /** Stops the task, then its supervisor goes and takes what it kept with it. */
  terminate: Record<string, never>
  /** JSON Merge Patch (RFC 7396). */
  meta: { readonly patch: JsonObject }
}

/** Answer to a POST, by action. */
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

/** Answer to whatever was refused or failed. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string }
}
