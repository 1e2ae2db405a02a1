import type { Behavior } from '@bgtask/protocol'

/** They ask for an end, or say that one is near. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGXCPU', 'SIGPWR', 'SIGSYS'] as const

/**
 * They mean nothing to a supervisor and would kill it; SIGUSR1 would open Node's inspector to whoever can connect. SIGPIPE
 * and SIGXFSZ are ignored by Node itself. SIGILL, SIGTRAP, SIGBUS, SIGFPE and SIGSEGV are missing on purpose: a fault whose
 * signal is caught happens again for ever.
 */
const MEANINGLESS = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGSTKFLT'] as const

/**
 * Survives every signal that can be caught, and calls back with its name when one asks the supervisor to end. All of them
 * are caught, none is ignored, since a child would inherit that.
 */
export function onEndingSignal(behavior: Behavior, end: (killSignal: string) => void): void {
  for (const killSignal of ENDING) process.on(killSignal, end)
  for (const killSignal of MEANINGLESS) process.on(killSignal, () => {})
  // A daemon has no terminal whose end would concern it.
  process.on('SIGHUP', behavior === 'daemon' ? () => {} : end)
}
