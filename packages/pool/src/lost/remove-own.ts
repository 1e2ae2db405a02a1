import { lstatSync, rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { PRIVATE_SOCKET_NAME } from '@bgtask/protocol'

/** Removes a file of ours, or a directory in which a socket was made, that was not written in the last `minAgeMs`; false where it stays. */
export function removeOwn(path: string, minAgeMs: number): boolean {
  try {
    const stats = lstatSync(path)
    if (stats.uid !== process.geteuid?.() || Date.now() - stats.mtimeMs < minAgeMs) return false
    if (stats.isDirectory()) removeDirectory(path)
    else unlinkSync(path)
    return true
  } catch {
    // Gone already, or the directory may not be written: then it stays, as the result says.
    return false
  }
}

/** Nothing else is in there; if it is, the directory is not what its name says. */
function removeDirectory(path: string): void {
  rmSync(`${path}/${PRIVATE_SOCKET_NAME}`, { force: true })
  rmdirSync(path)
}
