import { InvalidOptionError, isPlainObject, type JsonObject, recordedInfoSchema, type TaskInfo } from '@bgtask/protocol'

/** Part of a value: every named key must match; arrays match element by element; a RegExp or a function decides. */
export type Pattern<T> = RegExp | ((value: T) => boolean) | Shape<T>

type Shape<T> = T extends readonly (infer E)[]
  ? readonly Pattern<E>[]
  : T extends object
    ? { readonly [K in NamedKeys<T>]?: Pattern<T[K]> | undefined }
    : T

/** The keys that a type names; all of them if it names none, as a JSON object does. */
type NamedKeys<T> = keyof Named<T> extends never ? keyof T : keyof Named<T> & keyof T
type Named<T> = { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] }

/** Any object is accepted as a part of meta whose type the caller does not know. */
type MetaPattern<Meta extends object> = JsonObject extends Meta ? Pattern<Meta> | object : Pattern<Meta>

/**
 * Part of a task's info, such as `{ meta: { name: /^import-/ }, state: 'running' }`. `Custom` names keys that only a custom
 * supervisor has, with their types.
 */
export type TaskPattern<Meta extends object = JsonObject, Custom extends object = Record<never, never>> = {
  readonly [K in Exclude<keyof Named<TaskInfo>, 'meta'>]?: Pattern<TaskInfo[K]> | undefined
} & { readonly meta?: MetaPattern<Meta> | undefined } & {
  readonly [K in keyof Custom]?: Pattern<Custom[K]> | undefined
}

/** Decides by the whole info. It may use missing keys: if it throws or rejects, the task does not match. */
export type TaskPredicate<Meta extends object = JsonObject> = (info: TaskInfo<Meta>) => boolean | Promise<boolean>

/** @throws InvalidOptionError if it is neither a pattern nor a predicate. */
export function checkPattern(pattern: unknown): void {
  if (typeof pattern === 'function' || isPlainObject(pattern)) return
  throw new InvalidOptionError('pattern', pattern, 'must be an object or a function')
}

/** Whether a task's info matches a pattern or a predicate. */
export async function matchesTask(pattern: object, info: object): Promise<boolean> {
  if (typeof pattern !== 'function') return matchesPattern(pattern, info)
  try {
    return Boolean(await pattern(info))
  } catch {
    return false
  }
}

/**
 * Whether a value matches a pattern, deeply. A key given as `undefined` must be missing: a forgotten variable must not
 * turn `kill these` into `kill all`.
 *
 * @throws InvalidOptionError if a function in it returns a promise, which would count as true.
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

/** Whether records suffice to decide, so that no supervisor need be asked. */
export function namesOnlyRecorded(pattern: object): boolean {
  return Object.keys(pattern).every((key) => Object.hasOwn(recordedInfoSchema.entries, key))
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
    throw new InvalidOptionError('pattern', leaf, 'must hold synchronous functions only (a predicate may be async)')
  }
  return Boolean(verdict)
}
