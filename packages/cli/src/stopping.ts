import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal that asks a program to end. */
export type StoppingSignal = (typeof SIGNALS)[number]

/** Calls `act` instead of ending at such a signal. Returns what gives the signals back. */
export function onStopping(act: (name: StoppingSignal) => void): () => void {
  for (const name of SIGNALS) process.on(name, act)
  return () => {
    for (const name of SIGNALS) process.off(name, act)
  }
}

/** The exit code of a program that a signal ended. */
export function codeOfSignal(name: string): number {
  return 128 + (constants.signals[name as NodeJS.Signals] ?? 0)
}
