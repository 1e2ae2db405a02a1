import { readdirSync, readFileSync } from 'node:fs'

/** More clients at once than any task has; each costs a descriptor and some buffers. */
const MAX_CONNECTIONS = 1_000

/** Whatever the limit is, somebody must be able to ask. */
export const MIN_CONNECTIONS = 4

/** Descriptors kept from clients: a start with fresh pipes has some 20 open at a time, a look at all processes 2, a record 1. */
const RESERVED_FDS = 32

/**
 * How many clients may be connected at once, so that the supervisor never lacks a descriptor for what it has to do.
 *
 * @param connected how many are connected now.
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
    // Without a descriptor left to look with, there is none; otherwise there is no /proc here.
    return (error as NodeJS.ErrnoException).code === 'EMFILE' ? 0 : Number.POSITIVE_INFINITY
  }
}
