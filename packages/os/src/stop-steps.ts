import {
  checkOptions,
  InvalidOptionError,
  type KnownOptions,
  type StopStep,
  type StopStepOptions,
  stopStepsSchema,
  validate,
} from '@bgtask/protocol'
import { normalizeSignal } from './signals.js'

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
