import { existsSync } from 'node:fs'
import { join } from 'node:path'

interface Addon {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void
}

let loaded: Addon | undefined | null

/**
 * Takes an exclusive lock of the open file description (`F_OFD_SETLK`) over the whole file: it excludes `fcntl` locks, ends
 * with the last descriptor of this opening and, unlike a plain POSIX lock, is not lost when another descriptor closes.
 *
 * @returns whether it was taken; undefined if this platform has no such call (musl, unknown architectures).
 */
export function tryOfdLock(fd: number): boolean | undefined {
  if (loaded === undefined) loaded = load()
  if (loaded === null) return undefined
  try {
    loaded.tryLock(fd, 0, 0, true)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
    throw error
  }
}

/** Loads the prebuilt file of fs-native-extensions itself: its JavaScript would take 23 ms or more. */
function load(): Addon | null {
  const path = join(prebuildsDirectory(), `${process.platform}-${process.arch}`, 'fs-native-extensions.node')
  if (!existsSync(path)) return null
  const module = { exports: {} }
  try {
    process.dlopen(module, path)
    return module.exports as Addon
  } catch {
    // Built against glibc: it cannot be loaded on musl.
    return null
  }
}

/** The build puts them next to the bundle; in the source tree this file is two folders below the package. */
function prebuildsDirectory(): string {
  const beside = join(import.meta.dirname, 'prebuilds')
  return existsSync(beside) ? beside : join(import.meta.dirname, '../../dist/prebuilds')
}
