/// <reference lib="es2024.string" />
import { isPlainObject } from '../contract/json.js'
import { InvalidOptionError } from '../errors.js'
import type { MessageLimits } from './limits.js'

/**
 * Makes of a value what an encoder writes as plain MessagePack, and checks that a receiver with these limits would take it.
 * What is fine already is given back itself, the rest is copied.
 *
 * @throws InvalidOptionError that names the path of what cannot be sent, such as `[3].meta.when`.
 */
export function toPlain(value: unknown, limits: MessageLimits): unknown {
  return new PlainWalk(limits).visit(value, 0)
}

class PlainWalk {
  readonly #limits: MessageLimits
  /** Index or key at each level down to the value at hand. */
  readonly #path: (string | number)[] = []
  #bytes = 0
  #elements = 0

  constructor(limits: MessageLimits) {
    this.#limits = limits
  }

  visit(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        this.#holdBytes(value.length, value, depth)
        return wellFormed(value)
      case 'number':
        return isWideInteger(value) ? BigInt(value) : value
      case 'boolean':
        return value
      case 'undefined':
        return null
      case 'bigint':
        if (!Number.isSafeInteger(Number(value))) this.#refuse(value, depth, 'must be within 2^53 - 1')
        return this.visit(Number(value), depth)
      case 'object':
        return value === null ? null : this.#visitObject(value, depth)
      default:
        return this.#refuse(value, depth, 'cannot be sent')
    }
  }

  #visitObject(value: object, depth: number): unknown {
    if (value instanceof Uint8Array) {
      this.#holdBytes(value.length, value, depth)
      return value
    }
    if (depth === this.#limits.maxDepth) {
      this.#refuse(value, depth, `is nested deeper than ${this.#limits.maxDepth} levels or refers to itself`)
    }
    if (Array.isArray(value)) return this.#visitArray(value, depth)
    if (isPlainObject(value)) return this.#visitMap(value, depth)
    return this.#refuse(value, depth, 'cannot be sent')
  }

  #visitArray(items: unknown[], depth: number): unknown[] {
    this.#holdElements(items.length, depth)
    let copy: unknown[] | undefined
    for (let index = 0; index < items.length; index++) {
      const item = items[index]
      this.#path[depth] = index
      const plain = this.visit(item, depth + 1)
      if (plain !== item) {
        copy ??= items.slice()
        copy[index] = plain
      }
    }
    return copy ?? items
  }

  #visitMap(object: Record<string, unknown>, depth: number): object {
    const keys = Object.keys(object)
    this.#holdElements(keys.length, depth)
    let copy: Record<string, unknown> | undefined
    for (const key of keys) {
      const item = object[key]
      this.#path[depth] = key
      this.#holdBytes(key.length, object, depth)
      const plainKey = wellFormed(key)
      const plain = item === undefined ? undefined : this.visit(item, depth + 1)
      if (plain === item && item !== undefined && plainKey === key) continue
      // The spread defines a key `__proto__` as an own property, so that it can be assigned to.
      copy ??= { ...object }
      if (item === undefined || plainKey !== key) delete copy[key]
      if (item !== undefined) copy[plainKey] = plain
    }
    return copy ?? object
  }

  /** Before the encoder reserves room for it; headers come on top, so the encoded message is checked again. */
  #holdBytes(bytes: number, value: unknown, depth: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#limits.maxMessageBytes) {
      this.#refuse(value, depth, `does not fit in a message of ${this.#limits.maxMessageBytes} bytes`)
    }
  }

  #holdElements(count: number, depth: number): void {
    this.#elements += count
    if (this.#elements > this.#limits.maxElements) {
      this.#refuse(undefined, depth, `does not fit in a message of ${this.#limits.maxElements} elements`)
    }
  }

  #refuse(value: unknown, depth: number, rule: string): never {
    const path = this.#path
      .slice(0, depth)
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
      .join('')
      .replace(/^\./, '')
    throw new InvalidOptionError(path === '' ? 'message' : path, value, rule)
  }
}

/** Beyond 32 bits msgpackr writes integers as floats, unless they are BigInts. */
function isWideInteger(value: number): boolean {
  return (value > 0xffff_ffff || value < -0x8000_0000) && Number.isSafeInteger(value)
}

/** Without lone surrogates, which UTF-8 cannot hold and msgpackr would write all the same. */
function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed()
}
