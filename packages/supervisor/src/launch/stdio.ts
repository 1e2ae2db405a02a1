import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { type LaunchSpec, logFileName } from '@bgtask/protocol'
import type { Log } from '../log.js'
import { createOwned, removeFile } from '../record.js'

/**
 * Where the supervisor's own words go after the launch: to the launcher in the foreground, which shows them, else its log file. The
 * file is made before the launch is reported, so that a full or read-only directory fails the launch.
 */
export function openLog(spec: LaunchSpec): number {
  if (spec.behavior === 'foreground') return 2
  return createOwned(logPath(spec), spec.access, constants.O_APPEND)
}

/** The supervisor ends: its words go with it. */
export function removeLog(spec: LaunchSpec): void {
  if (spec.behavior !== 'foreground') removeFile(logPath(spec))
}

/**
 * Lets go of the launcher's descriptors. A descriptor that is closed and opened again has the same number, which is how
 * stdin becomes `/dev/null`, and stdout and stderr the log, without `dup2`. In the foreground stdout and stderr stay.
 */
export function releaseStdio(spec: LaunchSpec, log: Log): void {
  reopen(0, '/dev/null', constants.O_RDONLY)
  if (spec.behavior === 'foreground') return
  const path = logPath(spec)
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW
  reopen(1, path, flags)
  reopen(2, path, flags)
  log.moveTo(2)
}

function reopen(fd: number, path: string, flags: number): void {
  closeSync(fd)
  try {
    openSync(path, flags)
  } catch {
    // The file was removed this moment; the number must not go to a socket that would then get our words.
    openSync('/dev/null', constants.O_RDWR)
  }
}

/** The supervisor's own output in the pool's directory. */
function logPath({ poolPath }: LaunchSpec): string {
  return join(poolPath, logFileName(process.pid))
}
