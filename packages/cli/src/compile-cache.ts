import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The types are those of Node 20, which lacks it. */
const { enableCompileCache: enable } = nodeModule as { enableCompileCache?: (directory: string) => void }

/**
 * Lets Node (22.1 and later) keep the compiled program in `~/.cache/bgtask`. What lies there is executed, so every directory
 * from the home directory down must belong to this user and be writable by no other; Node's own default, below `/tmp`, can be
 * created by anybody. A missing or read-only home directory, or that of another user (`sudo`), means no cache. Never throws.
 */
export function enableCompileCache(): void {
  // A user who has set NODE_COMPILE_CACHE has enabled it already.
  if (enable === undefined || process.env.NODE_COMPILE_CACHE) return
  try {
    const home = realpathSync(homedir())
    if (!isOwn(home)) return
    const parent = join(home, '.cache')
    const directory = join(parent, 'bgtask')
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (isOwn(parent) && isOwn(directory)) enable(directory)
  } catch {
    // Then the program is compiled at each start.
  }
}

/** A directory, not a link to one. */
function isOwn(path: string): boolean {
  const { uid, mode } = lstatSync(path, { throwIfNoEntry: true })
  return (mode & 0o170_000) === 0o040_000 && uid === process.geteuid?.() && (mode & 0o022) === 0
}
