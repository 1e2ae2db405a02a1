import { readdirSync, readFileSync } from 'node:fs'
import { COOKIE_VARIABLE, livingThread, readProcessStat } from '@bgtask/os'

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

function cookieOf(pid: string): string | undefined {
  const prefix = `${COOKIE_VARIABLE}=`
  const variables = (environmentOf(pid) || environmentOfThread(Number(pid))).split('\0')
  return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length)
}

/** That of a process whose main thread has ended has the directory of another one. */
function environmentOfThread(pid: number): string {
  const stat = readProcessStat(pid)
  const thread = stat === undefined ? undefined : livingThread(stat)
  return thread === undefined || thread === pid ? '' : environmentOf(String(thread))
}

/** Empty if it is gone, a zombie, or not ours to look into. */
function environmentOf(thread: string): string {
  try {
    return readFileSync(`/proc/${thread}/environ`, 'latin1')
  } catch {
    return ''
  }
}
