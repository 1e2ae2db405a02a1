import { writeSync } from 'node:fs'
import { toWireError } from '@bgtask/protocol/rpc'

/** Reports to the launcher, on stderr, that the task can be controlled. @throws EPIPE if the launcher is gone. */
export function reportReady(pid: number = process.pid): void {
  writeSync(2, `DAEMON_PID=${pid}\n`)
}

/** Reports to the launcher why there will be no task: for programs, then for people. */
export function reportFailure(error: unknown): void {
  const wire = toWireError(error)
  try {
    writeSync(2, `BGTASK_ERROR=${JSON.stringify(wire)}\n${wire.message}\n`)
  } catch {
    // The launcher is gone.
  }
}
