import type { JsonObject, JsonValue } from '@bgtask/protocol'
import { CliError } from './errors.js'

/**
 * Parses `key=value` words into an object. A key with dots addresses nested objects (`progress.done=3`). A value in canonical
 * JSON (`3`, `true`, `null`, `{"a":1}`) is parsed; any other, such as `1.10` or `007`, is text.
 */
export function parseMeta(words: readonly string[]): JsonObject {
  return words.reduce<JsonObject>((meta, word) => {
    const [path, text] = splitAssignment(word)
    return withValue(meta, keysOf(path), parseMetaValue(text))
  }, {})
}

/** Parses `KEY=VALUE` words into environment variables; rejects `KEY` alone. */
export function parseEnv(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map(splitAssignment))
}

/** Whether a task's meta has all values of `ls --meta key=value`; a stored number matches its digits. */
export function matchesMeta(meta: JsonObject | undefined, words: readonly string[]): boolean {
  return words.every((word) => {
    const [path, text] = splitAssignment(word)
    const value = keysOf(path).reduce<unknown>(
      (object, key) =>
        typeof object === 'object' && object !== null && Object.hasOwn(object, key)
          ? (object as Record<string, unknown>)[key]
          : undefined,
      meta,
    )
    return value !== undefined && (typeof value === 'string' ? value : JSON.stringify(value)) === text
  })
}

function splitAssignment(word: string): [key: string, value: string] {
  const equals = word.indexOf('=')
  if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)]
  throw new CliError('ERR_BGTASK_USAGE', `${word} must have the form key=value`)
}

function keysOf(path: string): string[] {
  const keys = path.split('.')
  if (keys.every((key) => key !== '')) return keys
  throw new CliError('ERR_BGTASK_USAGE', `${path} is not a valid key`)
}

function parseMetaValue(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text)
    return typeof value === 'object' || JSON.stringify(value) === text ? value : text
  } catch {
    return text
  }
}

/** Returns the object with a value set at that path. No assignments: one to the key `__proto__` would set the prototype. */
function withValue(object: JsonObject, [key = '', ...rest]: readonly string[], value: JsonValue): JsonObject {
  if (rest.length === 0) return { ...object, ...Object.fromEntries([[key, value]]) }
  const inner = Object.hasOwn(object, key) ? object[key] : undefined
  const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
  return { ...object, ...Object.fromEntries([[key, withValue(isObject ? inner : {}, rest, value)]]) }
}
