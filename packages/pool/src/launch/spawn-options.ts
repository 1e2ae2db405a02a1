import type { StopStepOptions } from '@bgtask/client'
import type { Behavior, JsonObject, Overflow, RestartPolicyOptions } from '@bgtask/protocol'

/** What to run and how; exactly one of `cmd` and `exec` is needed, all else has a default. */
export interface SpawnOptions {
  /** A command line for `/bin/sh -c`. */
  readonly cmd?: string
  /** A program and its arguments, without a shell. */
  readonly exec?: readonly string[]
  /** Changes to the caller's environment, for the child; `undefined` unsets. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The child's working directory, relative to the caller's, which is the default. */
  readonly cwd?: string
  /**
   * `daemon` (default): in a session of its own, survives caller and terminal. `background`: in the caller's session and
   * process group, ends with it. `foreground`: a plain child, with which the program stays. What the task writes is written to
   * the caller's stdout and stderr too, and the supervisor's own words to stderr.
   */
  readonly behavior?: Behavior
  /** Whatever the task shall be found by: a JSON object of at most 64 KiB. */
  readonly meta?: Readonly<JsonObject>
  /** Bytes kept of each output stream, 16 MiB unless given; memory grows only as used. */
  readonly maxReadBufSize?: number
  /** When that is full: `discard` (default) forgets the oldest bytes, `block` lets the child wait until a reader discards. */
  readonly overflow?: Overflow
  /** A file that must be locked for the task to run, relative to the caller's cwd; the lock ends with the task. */
  readonly lockfile?: string
  /** `pipe` (default) or `null` for `/dev/null`. */
  readonly stdin?: 'pipe' | 'null'
  /** How the task is stopped: TERM, and KILL after 10 s, unless given. */
  readonly stop?: readonly StopStepOptions[]
  /** Whether and when the child is started again after it ended by itself; never unless given. */
  readonly restart?: Readonly<RestartPolicyOptions>
  /** The child is stopped after this long (ms) in one run. */
  readonly maxRuntimeMs?: number
  /** How long the supervisor may take from its start until it is ready, 10,000 ms unless given. */
  readonly launchTimeoutMs?: number
  /** Gives up the launch, also while it waits for its turn; afterwards it has no effect on the task. */
  readonly signal?: AbortSignal
}
