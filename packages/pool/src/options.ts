import { resolve } from 'node:path'
import { InvalidOptionError, isPlainObject } from '@bgtask/protocol'

/** Checks a map of environment changes: names that the kernel can hold, values that are text, or undefined to unset. */
export function checkEnvironment(option: string, env: unknown): void {
  if (!isPlainObject(env)) throw new InvalidOptionError(option, typeof env, 'must be an object of strings')
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name)) {
      throw new InvalidOptionError(option, name, 'must hold names without "=" and NUL bytes only')
    }
    if (value === undefined || (typeof value === 'string' && !value.includes('\0'))) continue
    // Never the value itself: environments hold secrets, and messages end in logs.
    const got = typeof value === 'string' ? 'a string with a NUL byte' : typeof value
    throw new InvalidOptionError(`${option}.${name}`, got, 'must be a string without NUL bytes, or undefined to unset')
  }
}

/** Checks an argv and copies it. */
export function checkArgv(option: string, argv: unknown): string[] {
  const fine =
    Array.isArray(argv) &&
    argv.length > 0 &&
    argv[0] !== '' &&
    argv.every((word) => typeof word === 'string' && !word.includes('\0'))
  if (!fine) throw new InvalidOptionError(option, argv, 'must be a non-empty array of strings without NUL bytes')
  return [...(argv as string[])]
}

/** Checks a path and makes it absolute. */
export function absolutePath(option: string, path: unknown): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidOptionError(option, path, 'must be a path without NUL bytes')
  }
  try {
    return resolve(path)
  } catch (cause) {
    // The caller's own working directory was removed.
    throw new InvalidOptionError(option, path, 'cannot be made absolute', { cause })
  }
}

/** Checks a duration in ms; Node's timers fire at once above 2^31 - 1. */
export function checkDuration(option: string, ms: unknown): void {
  if (typeof ms === 'number' && ms > 0 && ms <= 2_147_483_647) return
  throw new InvalidOptionError(option, ms, 'must be a number of milliseconds from 1 to 2147483647')
}

export function checkPid(pid: number): number {
  if (Number.isSafeInteger(pid) && pid > 0) return pid
  throw new InvalidOptionError('pid', pid, 'must be a positive integer')
}
