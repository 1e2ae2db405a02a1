import { readdirSync, readFileSync } from 'node:fs'

/** More clients at once than any task has; each costs a descriptor and some buffers. */
const MAX_CONNECTIONS = 1_000

/** At least these, whatever the limit of descriptors is. */
export const MIN_CONNECTIONS = 4

/** Descriptors that clients cannot use: a start with new pipes opens some 20 at a time, a scan of all processes 2, a record 1. */
const RESERVED_FDS = 32

/**
 * How many clients may be connected at once, so that the supervisor never lacks a descriptor for its own work.
 *
 * @param connected number of connected clients.
 */
export function maxConnections(connected: number): number {
  return Math.max(MIN_CONNECTIONS, Math.min(MAX_CONNECTIONS, connected + freeFds() - RESERVED_FDS))
}

function freeFds(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1')
    const soft = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
    return soft - readdirSync('/proc/self/fd').length
  } catch (error) {
    // EMFILE means that no descriptor is left; any other error that there is no /proc.
    return (error as NodeJS.ErrnoException).code === 'EMFILE' ? 0 : Number.POSITIVE_INFINITY
  }
}
