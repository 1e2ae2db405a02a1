import type * as v from 'valibot'
import { validate } from './contract/validate.js'
import { InvalidOptionError } from './errors.js'

/** What callers may pass for a schema. Nothing that they pass is changed, so all of it may be read-only. */
export type OptionsOf<S extends v.GenericSchema> = DeepReadonly<v.InferInput<S>>

type DeepReadonly<T> = T extends AbortSignal | ((...args: never[]) => unknown)
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T

/**
 * Checks the options of a call and returns them with defaults filled in. An unknown option is a typo, and a typo in
 * `lockfile` or `stop` would do silent harm, so schemas of options are strict objects.
 *
 * @param name the option that holds the object; leave it out for the options of a call.
 * @throws InvalidOptionError that names the option by its path (`restart.delayMs`), or `options` for what is not an object.
 */
export function parseOptions<const S extends v.GenericSchema>(
  schema: S,
  options: unknown,
  name?: string,
): v.InferOutput<S> {
  // By its tag: an array, a signal or a promise in place of the options would pass for an empty object.
  if (Object.prototype.toString.call(options) !== '[object Object]') {
    throw new InvalidOptionError(name ?? 'options', options, 'must be an object')
  }
  return parseOption(schema, options, name)
}

/** Checks one value and returns it as its schema makes it. @throws InvalidOptionError that names it. */
export function parseOption<const S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  name?: string,
): v.InferOutput<S> {
  const { value: parsed, invalid } = validate(schema, value)
  if (invalid === undefined) return parsed
  throw new InvalidOptionError([name, invalid.path].filter(Boolean).join('.'), invalid.got, invalid.problem)
}
