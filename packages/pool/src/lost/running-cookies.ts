import { readdirSync, readFileSync } from 'node:fs'
import { COOKIE_VARIABLE } from '@bgtask/os'

let cookies: ReadonlySet<string> | undefined

/**
 * The ids of all tasks of which a process runs here that we may look into. Read once for all who ask in one turn of the
 * event loop, so that a list of many lost tasks costs one scan.
 */
export function runningCookies(): ReadonlySet<string> {
  if (cookies === undefined) {
    cookies = new Set(readCookies())
    queueMicrotask(() => {
      cookies = undefined
    })
  }
  return cookies
}

function readCookies(): string[] {
  return pids().flatMap((pid) => cookieOf(pid) ?? [])
}

function pids(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d/.test(name))
  } catch {
    // No /proc: then nobody is known to run.
    return []
  }
}

/** A zombie has none. */
function cookieOf(pid: string): string | undefined {
  const prefix = `${COOKIE_VARIABLE}=`
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length)
  } catch {
    // Gone, or not ours to look into.
    return undefined
  }
}
