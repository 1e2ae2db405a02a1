import { type StopStep, stopStepsSchema } from './contract/fields.js'
import { validate } from './contract/validate.js'
import { InvalidOptionError } from './errors.js'
import { normalizeSignal } from './signals.js'

/** A signal by name, with or without `SIG`, or by number. */
export type KillSignal = NodeJS.Signals | (string & {}) | number

/** One step of a stop: send the signal, then wait so long (ms) for everything to end. */
export interface StopStepOptions {
  readonly killSignal: KillSignal
  readonly waitMs: number
}

/**
 * Brings the steps of a stop into the form of the wire.
 *
 * @param option named in the error.
 * @throws InvalidOptionError for what is no list of 1 to 32 steps, naming the step and what is wrong with it.
 */
export function normalizeSteps(steps: readonly StopStepOptions[], option = 'steps'): StopStep[] {
  const named = Array.isArray(steps) ? steps.map((step, index) => withSignalName(step, `${option}.${index}`)) : steps
  const { value, invalid } = validate(stopStepsSchema, named)
  if (invalid === undefined) return value
  throw new InvalidOptionError([option, invalid.path].filter(Boolean).join('.'), invalid.got, invalid.problem)
}

/** What is no step is left for the schema to refuse. */
function withSignalName(step: unknown, option: string): unknown {
  if (typeof step !== 'object' || step === null || !('killSignal' in step)) return step
  return { ...step, killSignal: normalizeSignal(step.killSignal as KillSignal, `${option}.killSignal`) }
}
