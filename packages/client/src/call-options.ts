import { constants } from 'node:os'
import { countSchema, durationMsSchema, type OptionsOf } from '@bgtask/protocol'
import * as v from 'valibot'

/** Bounds the text that is held at a time (bytes); Infinity removes the bound. */
export const windowBytesSchema = v.custom<number>(
  (value) => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= 1),
  'must be a whole number of bytes from 1',
)

/** What happens when bytes are no longer kept. */
export const gapsSchema = v.picklist(['error', 'skip'], 'must be error or skip')

/** A position in the merged view of both outputs. */
export const mergedPositionSchema = v.strictObject({
  seq: countSchema,
  stdout: v.optional(countSchema),
  stderr: v.optional(countSchema),
})

type ShortName<S> = S extends `SIG${infer Name}` ? Name : never

/** A signal: `'SIGINT'`, `'INT'` and `2` are the same. */
export type KillSignal = NodeJS.Signals | ShortName<NodeJS.Signals> | number

/** Turns a signal into its full name. */
export const killSignalSchema = v.pipe(
  v.custom<KillSignal>((signal) => signalName(signal) !== undefined, 'must be the name or number of a signal'),
  v.transform((signal) => signalName(signal) as NodeJS.Signals),
)

/** The steps of a stop, brought into the form of the wire. */
export const stopStepsOptionSchema = v.pipe(
  v.array(v.strictObject({ killSignal: killSignalSchema, waitMs: durationMsSchema })),
  v.minLength(1, 'must have a step'),
  v.maxLength(32, 'must have at most 32 steps'),
)
/** One step of a stop: send the signal, then wait this long (ms) for everything to end. */
export type StopStepOptions = OptionsOf<typeof stopStepsOptionSchema>[number]

const SIGNALS: Readonly<Record<string, number>> = constants.signals

function signalName(signal: unknown): string | undefined {
  // Some numbers have two names (SIGABRT and SIGIOT): the first one in the table is the usual one.
  if (typeof signal === 'number') return Object.keys(SIGNALS).find((name) => SIGNALS[name] === signal)
  if (typeof signal !== 'string') return undefined
  const name = signal.replace(/^(?!SIG)/, 'SIG')
  return Object.hasOwn(SIGNALS, name) ? name : undefined
}
