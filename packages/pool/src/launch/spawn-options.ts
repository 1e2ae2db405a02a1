import { stopOptionsSchema } from '@bgtask/client'
import { DEFAULT_MAX_READ_BUF_SIZE, DEFAULT_STOP_STEPS, launchSpecSchema, type OptionsOf } from '@bgtask/protocol'
import { signalSchema } from '@bgtask/protocol/rpc'
import * as v from 'valibot'
import { environmentChangesSchema, pathSchema, timerMsSchema } from '../options.js'
import { spoolOptionSchema } from './spool-option.js'

const { exec, behavior, restart, meta, maxReadBufSize, overflow, stdin, maxRuntimeMs, lingerMs } =
  launchSpecSchema.entries

/** How long (ms) a supervisor may take until it is ready. */
export const DEFAULT_LAUNCH_MS = 10_000

/** What to run and how; exactly one of `cmd` and `exec` is needed, all else has a default. */
export const spawnOptionsSchema = v.strictObject({
  /** A command line for `/bin/sh -c`. */
  cmd: v.optional(
    v.custom<string>(
      (cmd) => typeof cmd === 'string' && cmd.trim() !== '' && !cmd.includes('\0'),
      'must be a command line without NUL bytes (or give exec)',
    ),
  ),
  /** A program and its arguments, without a shell. */
  exec: v.optional(exec),
  /** Changes to the caller's environment, for the child; `undefined` unsets. */
  env: v.optional(environmentChangesSchema, {}),
  /** The child's working directory, relative to the caller's, which is the default. */
  cwd: v.optional(pathSchema, '.'),
  /**
   * `daemon` (default): in a session of its own, survives caller and terminal. `background`: in the caller's session and
   * process group, ends with it. `foreground`: a plain child, with which the program stays. What the task writes is written to
   * the caller's stdout and stderr too, and the supervisor's own words to stderr.
   */
  behavior: v.optional(behavior, 'daemon'),
  /** Whatever the task is to be found by: a JSON object of at most 64 KiB. */
  meta: v.optional(meta, {}),
  /** Bytes kept of each output stream, 16 MiB unless given; memory grows only as used. */
  maxReadBufSize: v.optional(maxReadBufSize, DEFAULT_MAX_READ_BUF_SIZE),
  /** When that (with `spool`: when its `maxBytes`) is full: `discard` (default) forgets the oldest bytes, `block` lets the child wait until a reader discards. */
  overflow: v.optional(overflow, 'discard'),
  /** Keeps output in files as well, so that it outlives its supervisor; null for not. The pool's unless given. */
  spool: v.optional(v.nullable(spoolOptionSchema)),
  /**
   * Retires the task so long (ms) after its last run: its supervisor leaves, and record, output in files and spec stay. Null for
   * never; the pool's unless given.
   */
  lingerMs: v.optional(lingerMs.wrapped),
  /** Keeps the spec of a task with `spool` or `lingerMs`, environment included, in the pool's directory for a restart; true unless given. */
  keepSpec: v.optional(v.boolean(), true),
  /** A file that must be locked for the task to run, relative to the caller's cwd; the lock ends with the task. */
  lockfile: v.optional(pathSchema),
  /** `pipe` (default) or `null` for `/dev/null`. */
  stdin: v.optional(stdin, 'pipe'),
  /** How the task is stopped: TERM, and KILL after 10 s, unless given. */
  stop: v.optional(stopOptionsSchema.entries.steps.wrapped, () => [...DEFAULT_STOP_STEPS]),
  /** Whether and when the child is started again after it ended by itself; never unless given. */
  restart: v.optional(v.strictObject(restart.entries), { on: 'never' }),
  /** The child is stopped after this long (ms) in one run. */
  maxRuntimeMs: v.optional(maxRuntimeMs.wrapped),
  /** How long the supervisor may take from its start until it is ready, 10,000 ms unless given. */
  launchTimeoutMs: v.optional(timerMsSchema, DEFAULT_LAUNCH_MS),
  /** Gives up the launch, also while it waits for its turn; afterwards it has no effect on the task. */
  signal: v.nullish(signalSchema),
})

/** Types refuse neither and both. */
type Command =
  | { readonly cmd: string; readonly exec?: undefined }
  | { readonly exec: readonly string[]; readonly cmd?: undefined }

/** What to run and how; exactly one of `cmd` and `exec` is needed, all else has a default. */
export type SpawnOptions = Omit<OptionsOf<typeof spawnOptionsSchema>, 'cmd' | 'exec' | 'meta'> &
  Command & {
    /** Whatever the task is to be found by: an object of JSON values, of at most 64 KiB. */
    readonly meta?: object | undefined
  }
