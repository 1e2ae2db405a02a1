import type { JsonObject, JsonValue } from '@bgtask/protocol'
import { isPlainObject } from '@bgtask/protocol'

/** JSON Merge Patch (RFC 7396): objects merge, null deletes, everything else replaces. Neither argument is changed. */
export function applyMergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(target))
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, patched(merged.get(key), value))
  }
  // Own properties even for `__proto__`, which an assignment would take for the prototype.
  return Object.fromEntries(merged)
}

function patched(target: JsonValue | undefined, value: JsonValue): JsonValue {
  if (!isPlainObject(value)) return value
  return applyMergePatch(isPlainObject(target) ? (target as JsonObject) : {}, value as JsonObject)
}
