import { InvalidOptionError, isPlainObject, RECORDED_KEYS, type TaskInfo } from '@bgtask/protocol'

/** Part of a value: every key that is named must match; arrays match element by element; a RegExp or a function decides. */
export type Pattern<T> = RegExp | ((value: T) => boolean) | Shape<T>

type Shape<T> = T extends readonly (infer E)[]
  ? readonly Pattern<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: Pattern<T[K]> }
    : T

/** Part of a task's info, custom keys included, such as `{ meta: { name: /^import-/ }, state: 'running' }`. */
export type TaskPattern = { readonly [K in keyof TaskInfo]?: Pattern<TaskInfo[K]> }

/** Decides over the whole info. It may use keys that are missing: a throw, or a rejection, means no match. */
export type TaskPredicate = (info: TaskInfo) => boolean | Promise<boolean>

/** @throws InvalidOptionError for what is neither a pattern nor a predicate. */
export function checkPattern(pattern: unknown): void {
  if (typeof pattern === 'function' || isPlainObject(pattern)) return
  throw new InvalidOptionError('pattern', pattern, 'must be an object or a function')
}

/** Whether a task is meant, by its whole info. */
export async function matchesTask(pattern: TaskPattern | TaskPredicate, info: TaskInfo): Promise<boolean> {
  if (typeof pattern !== 'function') return matchesPattern(pattern, info)
  try {
    return Boolean(await pattern(info))
  } catch {
    return false
  }
}

/**
 * Whether a value matches a pattern, deeply. A key named with `undefined` must be missing: a variable that was forgotten
 * must not turn `kill these` into `kill all`.
 *
 * @throws InvalidOptionError for a function in it that answers with a promise, which would count as true.
 */
export function matchesPattern(pattern: unknown, value: unknown): boolean {
  if (typeof pattern === 'function') return decide(pattern as (value: unknown) => unknown, value)
  if (pattern instanceof RegExp) return typeof value === 'string' && value.search(pattern) !== -1
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(value) &&
      value.length === pattern.length &&
      pattern.every((item, index) => matchesPattern(item, value[index]))
    )
  }
  if (typeof pattern === 'object' && pattern !== null) {
    return isMap(value) && Object.keys(pattern).every((key) => matchesKey(pattern as Keyed, key, value))
  }
  return Object.is(pattern, value)
}

/** Whether records suffice to decide, so that nobody need be asked. */
export function namesOnlyRecorded(pattern: object): boolean {
  return Object.keys(pattern).every((key) => RECORDED_KEYS.includes(key))
}

type Keyed = Readonly<Record<string, unknown>>

function matchesKey(pattern: Keyed, key: string, value: Keyed): boolean {
  // Own keys only, or a pattern could match what every object inherits.
  return matchesPattern(pattern[key], Object.hasOwn(value, key) ? value[key] : undefined)
}

function isMap(value: unknown): value is Keyed {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function decide(leaf: (value: unknown) => unknown, value: unknown): boolean {
  let verdict: unknown
  try {
    verdict = leaf(value)
  } catch {
    return false
  }
  if (verdict instanceof Promise) {
    verdict.catch(() => {})
    throw new InvalidOptionError(
      'pattern',
      leaf,
      'may hold functions that answer at once only (a predicate may be async)',
    )
  }
  return Boolean(verdict)
}
