import { join } from 'node:path'

/**
 * Gives the daemon what Node cannot make: three real pipes, as the shell makes one for each non-empty here-document, at
 * fds 7 to 9 (each still holds a line, which the daemon drains). Fds 3 to 9 that leaked in from the caller are closed, the
 * others listed in BGTASK_FDS for the daemon to close, which also tells it that the pipes are there.
 */
const PRELUDE = `exec 3<&- 4<&- 5<&- 6<&- 7<<X 8<<X 9<<X
.
X
.
X
.
X
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
