import { spawnSync } from 'node:child_process'

/** The exit status for "locked by another process", in util-linux and busybox. */
const HELD = 1

/**
 * Takes a `flock(2)` lock on our open file description, by running `flock(1)` on a descriptor that it inherits: the
 * lock stays when it exits.
 *
 * @returns whether it was taken; undefined without a `flock` program, or if the file system has no such locks.
 */
export function tryFlock(fd: number): boolean | undefined {
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  if (error !== undefined || (status !== 0 && status !== HELD)) return undefined
  return status === 0
}
