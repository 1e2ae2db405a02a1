import { BgTaskError, isBgTaskError } from '@bgtask/protocol'
import * as v from 'valibot'
import { debug } from './debug.js'

/** Where an error of a search came from. */
export interface SearchEntry {
  /** Pid of the supervisor, by the entry's name. */
  readonly pid: number
  /** The pool's directory. */
  readonly path: string
}

/** Gets each entry or record that was skipped because it is dead, hung, hostile or foreign. One bad entry fails no call. */
export const onErrorSchema = v.optional(
  v.custom<(error: BgTaskError, entry: SearchEntry) => void>(
    (handler) => typeof handler === 'function',
    'must be a function',
  ),
)

interface EntryErrorOptions {
  readonly onError?: ((error: BgTaskError, entry: SearchEntry) => void) | undefined
}

/** Tells what is wrong with the entry of a pid. */
export type EntryReport = (error: unknown, pid: number) => void

/** @param what skips the entry, in the words of `BGTASK_DEBUG`. */
export function entryReport(what: string, path: string, { onError }: EntryErrorOptions): EntryReport {
  return (error, pid) => {
    debug(() => `${what} skips ${pid}: ${error}`)
    onError?.(asBgTaskError(error), { pid, path })
  }
}

/** Whatever is not known better is the other side's fault. */
function asBgTaskError(error: unknown): BgTaskError {
  if (isBgTaskError(error)) return error
  return new BgTaskError('ERR_BGTASK_PROTOCOL', (error as Error).message, { cause: error })
}
