import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Pids of the living processes that hold `name=value` in the environment they were started with. */
export function processesWith(name, value) {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && hasVariable(entry, `${name}=${value}`))
    .map(Number)
}

function hasVariable(pid, text) {
  try {
    // A zombie has an empty environment.
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(text)
  } catch {
    return false
  }
}

/** Whether any thread of `pid` runs: one that is dying holds sockets, also where the first is a zombie already. */
export function isAlive(pid) {
  return threadsOf(pid).some((thread) => /^[^ZX]/.test(stateOf(pid, thread)))
}

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** `R`, `S`, …, and what follows it; empty where the thread is gone. */
function stateOf(pid, thread) {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2)
  } catch {
    return ''
  }
}

/** Name of the program, at most 15 bytes of it; empty where the process is gone. */
export function nameOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim()
  } catch {
    return ''
  }
}

/** Time on a CPU in ms, of all threads that live. */
export function cpuMsOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`)
  const times = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
  return times.reduce((sum, nanoseconds) => sum + Number(nanoseconds) / 1e6, 0)
}

/** Ends everything that carries the variable, by pid, until there is none. */
export async function endAll(name, value) {
  for (let pids = processesWith(name, value); pids.length > 0; pids = processesWith(name, value)) {
    for (const pid of pids) kill(pid, 'SIGKILL')
    await sleep(5)
  }
}

export function kill(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
