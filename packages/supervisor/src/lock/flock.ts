import { spawnSync } from 'node:child_process'

/**
 * Takes a `flock(2)` lock on our own open file description, by running `flock(1)` on a descriptor that it inherits: the
 * lock stays with us when it exits.
 *
 * @returns whether it was got; undefined where there is no `flock` program.
 */
export function tryFlock(fd: number): boolean | undefined {
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  if (error !== undefined) return undefined
  return status === 0
}
