import { constants } from 'node:os'
import { InvalidOptionError } from '@bgtask/protocol'

const NUMBERS: Readonly<Record<string, number>> = constants.signals

/**
 * The one name of a signal: `'INT'`, `'SIGINT'` and `2` all give `'SIGINT'`.
 *
 * @param option named in the error.
 * @throws InvalidOptionError for what this platform does not know; 0 is not a signal.
 */
export function normalizeSignal(signal: string | number, option = 'killSignal'): NodeJS.Signals {
  const name = typeof signal === 'string' ? signal.replace(/^(?!SIG)/, 'SIG') : nameOf(signal)
  if (name === undefined || !Object.hasOwn(NUMBERS, name)) {
    throw new InvalidOptionError(option, signal, 'must be the name or number of a signal')
  }
  return name as NodeJS.Signals
}

function nameOf(number: number): string | undefined {
  // Some numbers have two names (SIGABRT and SIGIOT): the first one in the table is the usual one.
  return Object.keys(NUMBERS).find((name) => NUMBERS[name] === number)
}
