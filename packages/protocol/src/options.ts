import type { GenericSchema } from 'valibot'
import { validate } from './contract/validate.js'
import { InvalidOptionError } from './errors.js'

/** All options of a call, each with the schema of its value, or with `true` where whoever uses it checks it. */
export type KnownOptions<T> = { readonly [K in keyof T]-?: GenericSchema | true }

/**
 * Checks an object of options and returns it. An option that nobody knows is a typo, and a typo in `lockfile` or `stop`
 * would do harm silently.
 *
 * @param name of the option that is such an object itself; left out for the options of a call.
 * @throws InvalidOptionError that names the option: `restart.delay`; `options` for what is no object.
 */
export function checkOptions<T extends object>(options: T, known: KnownOptions<T>, name?: string): T {
  // By its tag: an array, a signal or a promise that was given in their place would be taken for no options at all.
  if (Object.prototype.toString.call(options) !== '[object Object]') {
    throw new InvalidOptionError(name ?? 'options', options, 'must be an object')
  }
  for (const key of Object.keys(options) as (keyof T & string)[]) checkOption(key, options[key], known, name)
  return options
}

function checkOption<T>(key: keyof T & string, value: unknown, known: KnownOptions<T>, name: string | undefined): void {
  const option = name === undefined ? key : `${name}.${key}`
  if (!Object.hasOwn(known, key)) throw new InvalidOptionError(option, value, 'is not a known option')
  const schema = known[key]
  if (schema === true || value === undefined) return
  const { invalid } = validate(schema, value)
  if (invalid !== undefined)
    throw new InvalidOptionError([option, invalid.path].filter(Boolean).join('.'), invalid.got, invalid.problem)
}
