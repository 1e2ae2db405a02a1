import { join } from 'node:path'
import { OPEN_HERE_DOCUMENTS } from './child/here-documents.js'

/**
 * Opens the child's pipes for the daemon. Fds 3 to 9 that leaked in from the caller are closed. The others are listed in
 * BGTASK_FDS: the daemon closes them, and knows by the variable that the pipes are open.
 */
const PRELUDE = `exec 3<&- 4<&- 5<&- 6<&-
${OPEN_HERE_DOCUMENTS}
for fd in /proc/self/fd/*; do BGTASK_FDS="$BGTASK_FDS \${fd##*/}"; done
export BGTASK_FDS
exec "$@"`

/** The argv that starts the default daemon: a shell that makes the child's pipes and becomes Node. */
export function defaultSupervisorCmd(): string[] {
  return supervisorCommand([process.execPath, daemonPath()])
}

/** Puts the shell that makes the pipes before any supervisor built with `runSupervisor`, given its own argv. */
export function supervisorCommand(argv: readonly string[]): string[] {
  return ['/bin/sh', '-c', PRELUDE, 'bgtask-supervisor', ...argv]
}

/** Absolute path of the daemon's bundle, the whole of it in one file. */
export function daemonPath(): string {
  return builtFile('daemon.cjs')
}

/** From source this module lies in `src`, built in `dist`; programs are always in `dist`. */
function builtFile(name: string): string {
  if (import.meta.dirname !== undefined) return join(import.meta.dirname, '../dist', name)
  throw new Error('the daemon is not in a bundle: leave @bgtask/supervisor out of it (external), or set supervisorCmd')
}
