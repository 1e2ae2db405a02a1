import { readFileSync } from 'node:fs'

/** This process's umask. Node reads it by setting it for a moment, which other threads would notice; `/proc` does not. */
export function currentUmask(): number {
  try {
    const octal = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    if (octal !== undefined) return Number.parseInt(octal, 8)
  } catch {
    // No /proc here.
  }
  return process.umask()
}
