import type { ExitStatus, OptionsOf } from '@bgtask/protocol'
import * as v from 'valibot'
import type { SpawnOptions } from '../launch/spawn-options.js'
import { timerMsSchema } from '../options.js'

/** What is held of each output: as much as a supervisor keeps unless told otherwise, 16 MiB. */
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024

export const runOptionsSchema = v.strictObject({
  /** Written to stdin, which is closed then. Without it stdin is `/dev/null`. */
  input: v.optional(
    v.custom<string | Uint8Array>(
      (input) => typeof input === 'string' || input instanceof Uint8Array,
      'must be a string or bytes',
    ),
  ),
  /** The task is stopped after this long (ms), also if this process has ended by then. */
  timeoutMs: v.optional(timerMsSchema),
  /** The most bytes of each output; a task that writes more is stopped. 16 MiB unless given. */
  maxBytes: v.optional(
    v.custom<number>(
      (bytes) => Number.isSafeInteger(bytes) && (bytes as number) >= 0,
      'must be a whole number of bytes',
    ),
    DEFAULT_MAX_BYTES,
  ),
  /** False: resolve whatever the exit code, instead of rejecting with a RunError. */
  reject: v.optional(v.boolean('must be a boolean'), true),
})
export type ParsedRun = v.InferOutput<typeof runOptionsSchema>
/** What to run, as for a spawn, and what becomes of its output. */
export type RunOptions = Omit<SpawnOptions, 'maxRuntimeMs'> & OptionsOf<typeof runOptionsSchema>

/** How a command ended, and what it wrote. */
export interface RunResult<T> {
  readonly exitCode: ExitStatus['exitCode']
  readonly signal: ExitStatus['signal']
  /** As UTF-8, without a final newline. The bytes are in `task.stdout`. */
  readonly stdout: string
  readonly stderr: string
  /** The task, which stays until it is terminated or retires. */
  readonly task: T
}
