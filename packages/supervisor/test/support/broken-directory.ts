import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A pool's directory that fails from `begin` on. */
export interface BrokenDirectory {
  begin(): void
  end(): void
}

/** Read-only from `begin` on, for root too: a mount over itself, of which no file is open. */
export function mountReadOnly(path: string): BrokenDirectory {
  const end = once(() => umount(path))
  onTestFinished(end)
  return {
    begin: () => {
      execFileSync('mount', ['--bind', path, path])
      execFileSync('mount', ['-o', 'remount,bind,ro', path])
    },
    end,
  }
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
