import { lstatSync, unlinkSync } from 'node:fs'

/** Removes a file of ours that was not written in the last `minAgeMs`; false where it stays. */
export function removeOwn(path: string, minAgeMs: number): boolean {
  try {
    const { uid, mtimeMs } = lstatSync(path)
    if (uid !== process.geteuid?.() || Date.now() - mtimeMs < minAgeMs) return false
    unlinkSync(path)
    return true
  } catch {
    // Gone already, or the directory may not be written: then it stays, as the result says.
    return false
  }
}
