import { type StopStep, stopStepsSchema } from './contract/fields.js'
import { validate } from './contract/validate.js'
import { InvalidOptionError } from './errors.js'
import { checkOptions, type KnownOptions } from './options.js'
import { normalizeSignal } from './signals.js'

/** A signal by name, with or without `SIG`, or by number. */
export type KillSignal = NodeJS.Signals | (string & {}) | number

/** One step of a stop: send the signal, then wait so long (ms) for everything to end. */
export interface StopStepOptions {
  readonly killSignal: KillSignal
  readonly waitMs: number
}

const STEP: KnownOptions<StopStepOptions> = { killSignal: true, waitMs: true }

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

/** What a step lacks is left for the schema to tell. */
function withSignalName(step: StopStepOptions, option: string): unknown {
  const { killSignal } = checkOptions(step, STEP, option)
  return killSignal === undefined ? step : { ...step, killSignal: normalizeSignal(killSignal, `${option}.killSignal`) }
}
