import { createRequire } from 'node:module'
import { InvalidOptionError } from '@bgtask/protocol'

/** Every spawn asks, and to find the package takes longer than much of the rest. */
let known: string[] | undefined

/**
 * The argv of the default daemon. The package that holds it is looked for only now, since a program that brings its own
 * supervisor, or that spawns nothing, need not have it.
 *
 * @throws InvalidOptionError where the package is not installed.
 */
export function defaultSupervisorCmd(): string[] {
  try {
    known ??= createRequire(import.meta.filename)('@bgtask/supervisor/command').defaultSupervisorCmd() as string[]
    return known
  } catch (cause) {
    const rule = 'must be given, or the package @bgtask/supervisor installed for the default'
    throw new InvalidOptionError('supervisorCmd', undefined, rule, { cause })
  }
}
