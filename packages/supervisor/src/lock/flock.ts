import { spawnSync } from 'node:child_process'

/** The exit status that means "somebody else has it", in util-linux and busybox alike. */
const HELD = 1

/**
 * Takes a `flock(2)` lock on our own open file description, by running `flock(1)` on a descriptor that it inherits: the
 * lock stays with us when it exits.
 *
 * @returns whether it was got; undefined where there is no `flock` program, or the file system knows no such lock.
 */
export function tryFlock(fd: number): boolean | undefined {
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  if (error !== undefined || (status !== 0 && status !== HELD)) return undefined
  return status === 0
}
