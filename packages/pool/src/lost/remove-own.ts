import { closeSync, constants, fstatSync, lstatSync, openSync, rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { PRIVATE_SOCKET_NAME } from '@bgtask/os'

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

/** With the socket alone: if there is more, it is not what its name says. By descriptor, since a link can take its place. */
function removeDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    if (fstatSync(fd).uid === process.geteuid?.()) rmSync(`/proc/self/fd/${fd}/${PRIVATE_SOCKET_NAME}`, { force: true })
  } finally {
    closeSync(fd)
  }
  rmdirSync(path)
}
