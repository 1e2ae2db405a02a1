import { lstatSync, mkdtempSync, rmdirSync } from 'node:fs'
import { basename } from 'node:path'
import { HeldDirectory, privateDirectoryPrefix } from '@bgtask/os'
import { removeFile } from './files.js'

/** A directory that only this user can enter, for files whose mode and group can only be set by name. */
export interface PrivateDirectory {
  readonly held: HeldDirectory
  /** Removes it from its parent, with the file of that name. Its descriptor stays open. */
  remove(name: string): void
}

/** @throws the system's error, and an Error if another directory has replaced it. */
export function makePrivateDirectory(parent: HeldDirectory): PrivateDirectory {
  const name = basename(makeUnique(parent.at(privateDirectoryPrefix(process.pid))))
  const held = new HeldDirectory(parent.at(name))
  const remove = (file: string) => {
    removeFile(held.at(file))
    rmdirSync(parent.at(name))
  }
  const { uid, mode } = lstatSync(held.at('.'))
  if (uid === process.geteuid?.() && (mode & 0o077) === 0) return { held, remove }
  held.close()
  throw new Error(`${parent.path}/${name} was replaced`)
}

/** With mode 0700, also with an umask that removes rights of the owner. */
function makeUnique(prefix: string): string {
  const umask = process.umask(0o077)
  try {
    return mkdtempSync(prefix)
  } finally {
    process.umask(umask)
  }
}
