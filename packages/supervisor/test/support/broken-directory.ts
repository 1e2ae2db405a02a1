import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskPool } from '@bgtask/pool'
import { pathOf } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'

/** A pool's directory that fails from `begin` on. */
export interface BrokenDirectory {
  begin(): void
  end(): void
}

/** A user whose rights can be taken away, unlike root's. */
export const SOMEBODY = 12_345

/** May not be written from `begin` on by the pool's supervisors, which run as `SOMEBODY`. */
export function forbidden(pool: TaskPool): BrokenDirectory {
  const rights = [`--reuid=${SOMEBODY}`, `--regid=${SOMEBODY}`, '--clear-groups']
  pool.supervisorCmd = [pathOf('setpriv'), ...rights, ...pool.supervisorCmd]
  const open = () => chmodSync(pool.path, 0o1777)
  open()
  return { begin: () => chmodSync(pool.path, 0o755), end: open }
}

/** A file system of its own, which is filled to the last byte by `begin`. */
export function fullDirectory(path: string): BrokenDirectory & { makeRoom(): void } {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', path])
  const end = once(() => umount(path))
  onTestFinished(end)
  const filler = join(path, 'filler')
  return {
    begin: () => {
      const { bavail, bsize } = statfsSync(path)
      writeFileSync(filler, Buffer.alloc(bavail * bsize))
    },
    makeRoom: () => rmSync(filler),
    end,
  }
}

/** Gone from `begin` on. */
export function deleteDirectory(path: string): BrokenDirectory {
  return {
    begin: () => rmSync(path, { recursive: true }),
    end: () => {},
  }
}

function umount(path: string): void {
  // Lazily: what still runs may have files open there.
  execFileSync('umount', ['--lazy', path])
}

function once(work: () => void): () => void {
  let done = false
  return () => {
    if (!done) work()
    done = true
  }
}
