import { printable } from '@bgtask/os'

/** With `BGTASK_DEBUG` in the environment, says on stderr what the client does; otherwise the text is not even made. */
export function debug(what: () => string): void {
  if (process.env.BGTASK_DEBUG) process.stderr.write(`bgtask client ${process.pid}: ${printable(what())}\n`)
}
