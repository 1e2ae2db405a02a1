import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Takes a lock, a file that holds its owner's pid. The lock of an owner that has exited is removed.
 *
 * @returns a function that releases it; undefined if another process holds it.
 */
export function takeLock(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return () => rmSync(path, { force: true })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  if (!isHeld(path)) rmSync(path, { force: true })
  return undefined
}

function isHeld(path) {
  try {
    // Empty until its owner has written its pid.
    const pid = Number(readFileSync(path, 'utf8'))
    return pid === 0 || process.kill(pid, 0)
  } catch (error) {
    return error.code !== 'ESRCH' && error.code !== 'ENOENT'
  }
}
