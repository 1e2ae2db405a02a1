import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal that asks a program to end. */
export type StopSignal = (typeof SIGNALS)[number]

/** Calls `act` on such a signal instead of terminating. Returns a function that restores the default. */
export function onStopSignal(act: (name: StopSignal) => void): () => void {
  for (const name of SIGNALS) process.on(name, act)
  return () => {
    for (const name of SIGNALS) process.off(name, act)
  }
}

/** The exit code of a program that was ended by a signal. */
export function exitCodeOfSignal(name: string): number {
  return 128 + (constants.signals[name as NodeJS.Signals] ?? 0)
}
