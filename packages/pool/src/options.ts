import { resolve } from 'node:path'
import { InvalidOptionError, isPlainObject, parseOption } from '@bgtask/protocol'
import * as v from 'valibot'

/** Changes to an environment: names that the kernel can hold, values that are text, or undefined to unset. */
export const environmentChangesSchema = v.pipe(
  v.custom<Record<string, string | undefined>>(isPlainObject, 'must be an object of strings'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    for (const [name, value] of Object.entries(dataset.value)) {
      if (name === '' || /[=\0]/.test(name)) {
        addIssue({ message: 'must hold only names without "=" and NUL bytes', input: name })
        return
      }
      if (value === undefined || (typeof value === 'string' && !value.includes('\0'))) continue
      // Never the value itself: environments hold secrets, and messages end in logs.
      const input = typeof value === 'string' ? 'a string with a NUL byte' : typeof value
      const path = { type: 'object', origin: 'value', input: {}, key: name, value: input } as const
      addIssue({ message: 'must be a string without NUL bytes, or undefined to unset', input, path: [path] })
      return
    }
  }),
)

export const argvSchema = v.custom<readonly string[]>(
  (argv) =>
    Array.isArray(argv) &&
    argv.length > 0 &&
    argv[0] !== '' &&
    argv.every((word) => typeof word === 'string' && !word.includes('\0')),
  'must be a non-empty array of strings without NUL bytes',
)

export const pathSchema = v.custom<string>(
  (path) => typeof path === 'string' && path !== '' && !path.includes('\0'),
  'must be a path without NUL bytes',
)

/** A bound of a wait in ms; Node's timers fire at once above 2^31 - 1. */
export const timerMsSchema = v.custom<number>(
  (ms) => typeof ms === 'number' && ms > 0 && ms <= 2_147_483_647,
  'must be a number of milliseconds from 1 to 2147483647',
)

const pidSchema = v.custom<number>(
  (pid) => Number.isSafeInteger(pid) && (pid as number) > 0,
  'must be a positive integer',
)

export function checkPid(pid: number): number {
  return parseOption(pidSchema, pid, 'pid')
}

/** Makes a path absolute. */
export function absolutePath(option: string, path: string): string {
  try {
    return resolve(path)
  } catch (cause) {
    // The caller's own working directory was removed.
    throw new InvalidOptionError(option, path, 'cannot be made absolute', { cause })
  }
}
