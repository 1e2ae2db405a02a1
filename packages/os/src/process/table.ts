import { readlinkSync } from 'node:fs'
import { BEHAVIOR_VARIABLE, COOKIE_VARIABLE } from './environment.js'
import { allPids, readEnvironment } from './proc.js'
import { livingThread, type ProcessStat, readProcessStat } from './stat.js'

const COOKIE_PREFIX = `${COOKIE_VARIABLE}=`
const BEHAVIOR_PREFIX = `${BEHAVIOR_VARIABLE}=`

/**
 * All processes at one moment. Marks and pipes of a process are read on first use and then kept, so a search for many trees
 * costs one scan.
 */
export class ProcessTable {
  readonly stats: readonly ProcessStat[] = allPids().flatMap((pid) => readProcessStat(pid) ?? [])
  readonly #marks = new Map<ProcessStat, readonly string[]>()
  readonly #pipes = new Map<ProcessStat, readonly string[]>()

  /** Whether its environment holds that cookie; false if we may not read it. */
  carriesCookie(stat: ProcessStat, cookie: string): boolean {
    return once(this.#marks, stat, readMarks).includes(`${COOKIE_PREFIX}${cookie}`)
  }

  /** Whether its environment says that it is a supervisor, or of a task with another cookie. */
  isOfAnotherTask(stat: ProcessStat, cookie: string): boolean {
    return once(this.#marks, stat, readMarks).length > 0 && !this.carriesCookie(stat, cookie)
  }

  /** Whether one of the pipes is its fd 0, 1 or 2. */
  holdsPipe(stat: ProcessStat, pipes: readonly string[]): boolean {
    return pipes.length > 0 && once(this.#pipes, stat, readStdio).some((target) => pipes.includes(target))
  }
}

function once<T>(known: Map<ProcessStat, T>, stat: ProcessStat, read: (stat: ProcessStat) => T): T {
  const value = known.get(stat) ?? read(stat)
  known.set(stat, value)
  return value
}

/** The variables that say which task it is of. */
function readMarks(stat: ProcessStat): string[] {
  const isMark = (variable: string) => variable.startsWith(COOKIE_PREFIX) || variable.startsWith(BEHAVIOR_PREFIX)
  return readEnvironment(livingThread(stat)).filter(isMark)
}

function readStdio(stat: ProcessStat): string[] {
  const thread = livingThread(stat)
  return [0, 1, 2].flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${thread}/fd/${fd}`)
    } catch {
      // Not open, not ours to see, or gone: then it is not a holder that we could signal either.
      return []
    }
  })
}
