import type { JsonObject, JsonValue } from '@bgtask/protocol'
import { CliError } from './errors.js'

/**
 * `key=value` words as an object. A key with dots goes into objects (`progress.done=3`); a value that is JSON as JSON writes
 * it (`3`, `true`, `null`, `{"a":1}`) is taken so, and anything else, `1.10` and `007` among it, is text.
 */
export function parseMeta(words: readonly string[]): JsonObject {
  return words.reduce<JsonObject>((meta, word) => {
    const [path, text] = splitAssignment(word)
    return withValue(meta, keysOf(path), parseMetaValue(text))
  }, {})
}

/** `KEY=VALUE` words as an environment; `KEY` alone unsets nothing and is refused. */
export function parseEnv(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map(splitAssignment))
}

/** Whether a task's meta has what `ls --meta key=value` asks for; a number matches its digits, however it was stored. */
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
  throw new CliError('ERR_BGTASK_USAGE', `${path} is not a key`)
}

function parseMetaValue(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text)
    return typeof value === 'object' || JSON.stringify(value) === text ? value : text
  } catch {
    return text
  }
}

/** The object with a value at that path. Never by assignment, which would take a key `__proto__` for the prototype. */
function withValue(object: JsonObject, [key = '', ...rest]: readonly string[], value: JsonValue): JsonObject {
  if (rest.length === 0) return { ...object, ...Object.fromEntries([[key, value]]) }
  const inner = Object.hasOwn(object, key) ? object[key] : undefined
  const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
  return { ...object, ...Object.fromEntries([[key, withValue(isObject ? inner : {}, rest, value)]]) }
}
