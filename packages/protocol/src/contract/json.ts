/** A value that JSON can hold without loss. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** What meta is: a JSON object. */
export type JsonObject = { [key: string]: JsonValue }

/** Meta is copied into every record and every info, so it stays small: 64 KiB as JSON text. */
export const MAX_META_BYTES = 64 * 1024

/** Leaves room below the wire's depth bound for the envelope that carries the value. */
const MAX_JSON_DEPTH = 24

/**
 * Says why a value is not a JSON object of at most `maxBytes` bytes.
 *
 * @returns undefined where the value is fine, else what is wrong and where, for instance `a.b is a function`.
 */
export function jsonObjectProblem(value: unknown, maxBytes = MAX_META_BYTES): string | undefined {
  if (!isPlainObject(value)) return `it is ${describe(value)}, not an object`
  const problem = jsonProblem(value, '', 0)
  if (problem !== undefined) return problem
  const bytes = Buffer.byteLength(JSON.stringify(value))
  return bytes > maxBytes ? `it takes ${bytes} bytes as JSON, more than ${maxBytes}` : undefined
}

/** True for objects made by `{}`, by `Object.create(null)` or in another realm; false for arrays and class instances. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function jsonProblem(value: unknown, at: string, depth: number): string | undefined {
  if (depth > MAX_JSON_DEPTH) return `${at} is nested deeper than ${MAX_JSON_DEPTH} levels or refers to itself`
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${at} is ${value}`
  if (Array.isArray(value))
    return firstProblem(
      // Not map(): it would leave out the holes, which JSON cannot hold.
      Array.from(value, (item, index) => [`${at}[${index}]`, item]),
      depth,
    )
  if (isPlainObject(value)) {
    return firstProblem(
      Object.entries(value).map(([key, item]) => [at === '' ? key : `${at}.${key}`, item]),
      depth,
    )
  }
  return `${at} is ${describe(value)}`
}

function firstProblem(items: [string, unknown][], depth: number): string | undefined {
  for (const [at, item] of items) {
    const problem = jsonProblem(item, at, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'object'}`
  return value === undefined ? 'undefined' : `a ${typeof value}`
}
