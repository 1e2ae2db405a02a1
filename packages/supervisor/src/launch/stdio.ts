import { closeSync, constants, openSync } from 'node:fs'
import type { LogFile } from '../directory/log-file.js'
import type { Log } from '../log.js'

/**
 * Lets go of the launcher's descriptors. A descriptor that is closed and opened again has the same number, which is how
 * stdin becomes `/dev/null`, and stdout and stderr the log, without `dup2`.
 *
 * @param file undefined in the foreground, in which stdout and stderr stay the launcher's.
 */
export function releaseStdio(file: LogFile | undefined, log: Log): void {
  reopen(0, () => openSync('/dev/null', constants.O_RDONLY))
  if (file === undefined) return
  for (const fd of [1, 2]) reopen(fd, () => file.reopen())
  log.moveTo(2)
  file.close()
}

function reopen(fd: number, open: () => void): void {
  closeSync(fd)
  try {
    open()
  } catch {
    // The file cannot be opened; the number must not go to a socket that would then get our words.
    openSync('/dev/null', constants.O_RDWR)
  }
}
