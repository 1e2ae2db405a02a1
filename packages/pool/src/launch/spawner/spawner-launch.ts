import { getSystemErrorName } from 'node:util'

/** A supervisor that a spawner is to start, with `/dev/null` as its stdout. */
export interface SpawnerLaunch {
  readonly argv: readonly string[]
  /** Complete; a program without a slash is searched in its `PATH`. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute; an empty string is `/`. */
  readonly cwd: string
  readonly umask: number
  /** A `daemon` leads a session of its own, a supervisor in the `background` stays in the caller's session and process group. */
  readonly behavior: 'background' | 'daemon'
}

/** Why a supervisor was not started, or what became of its spawner. */
export type SpawnerFailure =
  /** `step` is what failed with that error: a system call, the change to `cwd`, or the execution of the program. */
  | { readonly kind: 'not-started'; readonly step: 'system' | 'cwd' | 'exec'; readonly code: string }
  /** The spawner ended first; whether the supervisor was started is unknown, and its pipes are closed. */
  | { readonly kind: 'spawner-gone'; readonly reason: string }

const STEPS = ['system', 'cwd', 'exec'] as const

/** The payload of a frame `launch`. @throws TypeError if one of the strings holds a NUL byte. */
export function encodeLaunch({ argv, env, cwd, umask, behavior }: SpawnerLaunch): Buffer {
  const variables = Object.entries(env)
  const strings = [cwd, ...argv, ...variables.map(([name, value]) => `${name}=${value}`)]
  const unsound = strings.find((text) => text.includes('\0'))
  if (unsound !== undefined) throw new TypeError(`a string of a launch holds a NUL byte: ${JSON.stringify(unsound)}`)
  const head = Buffer.allocUnsafe(16)
  head.writeUInt32LE(behavior === 'daemon' ? 1 : 0, 0)
  head.writeUInt32LE(umask, 4)
  head.writeUInt32LE(argv.length, 8)
  head.writeUInt32LE(variables.length, 12)
  return Buffer.concat([head, Buffer.from(`${strings.join('\0')}\0`)])
}

/** The payload of a frame `failed`. */
export function decodeFailure(payload: Buffer): SpawnerFailure {
  const step = STEPS[payload.readUInt32LE(0)] ?? 'system'
  const number = payload.readUInt32LE(4)
  return { kind: 'not-started', step, code: number === 0 ? 'UNKNOWN' : getSystemErrorName(-number) }
}
