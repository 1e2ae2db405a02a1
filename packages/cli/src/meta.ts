import type { JsonObject, JsonValue } from '@bgtask/protocol'
import { CliError } from './errors.js'

/**
 * `key=value` words as an object. A key with dots goes into objects (`progress.done=3`); a value that is JSON as JSON writes
 * it (`3`, `true`, `null`, `{"a":1}`) is taken so, and anything else, `1.10` and `007` among it, is text.
 */
export function parseMeta(words: readonly string[]): JsonObject {
  const meta: Record<string, JsonValue> = {}
  for (const word of words) {
    const [path, text] = splitAssignment(word)
    setPath(meta, path, parseMetaValue(text))
  }
  return meta
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
  if (keys.every((key) => key !== '' && key !== '__proto__')) return keys
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

function setPath(meta: Record<string, JsonValue>, path: string, value: JsonValue): void {
  const keys = keysOf(path)
  const last = keys.pop() as string
  let object = meta
  for (const key of keys) {
    const inner = object[key]
    const next = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? { ...inner } : {}
    object[key] = next
    object = next
  }
  object[last] = value
}
