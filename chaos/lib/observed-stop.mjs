import { note } from './journal.mjs'
import { commandOf, descendants, livesOn, runProcesses } from './processes.mjs'
import { until } from './until.mjs'

/** How long (ms) a process that got its last signal may take to go. */
const DYING_MS = 1_000

/** The longest (ms) that a stop may take: more than all its steps, and than a stopped supervisor sleeps. */
export const STOP_MS = 20_000

/**
 * Stops a task and notes as `unnamed` each process that a scan by parents found when the stop began, that lives on, and
 * that the stop does not name. The journal has whether another process ended its parent just then. A stop that has not
 * answered when its time is up is `unended`.
 *
 * @param task.key of the task; `task.taskId` its id, `task.childPid` the child's pid, if there is one.
 * @param stop is given a stop's options, and gives what it gives: `{ survivors }`.
 */
export async function observeStop({ key, taskId, childPid }, stop) {
  note('stopping', key)
  note('signalled', key, process.pid, 'stop')
  const roots = runProcesses()
    .filter((process) => process.taskId === taskId || (process.pid === childPid && process.key === key))
    .map(({ pid }) => pid)
  const before = descendants(roots).map((stat) => ({ ...stat, command: commandOf(stat.pid) }))
  const result = await stop({ timeoutMs: STOP_MS }).catch((error) => {
    if (error.code === 'ERR_BGTASK_TIMEOUT') note('unended', key, process.pid, 'the stop did not answer')
    throw error
  })
  note('stopped', key, process.pid, `survivors ${result.survivors.map(({ pid }) => pid).join() || 'none'}`)
  const named = new Set(result.survivors.map(life))
  const unnamed = () => before.filter((process) => !named.has(life(process)) && livesOn(process))
  await until(() => unnamed().length === 0, DYING_MS)
  for (const { pid, ppid, session, state, command } of unnamed())
    note('unnamed', key, process.pid, `${pid} state ${state} ppid ${ppid} session ${session} (${command})`)
  return result
}

/** The same for a task without a supervisor, which cannot be orphaned afterwards if nothing of it has survived. */
export async function stopLost(lost, steps) {
  const { child, info } = lost.record
  const stop = async (wait) => ({ survivors: await lost.stop({ ...wait, steps }) })
  const { survivors } = await observeStop({ key: info.meta.key, taskId: lost.taskId, childPid: child?.pid }, stop)
  if (survivors.length === 0 && lost.state === 'orphaned')
    note('unended', info.meta.key, process.pid, 'the stop named no survivors, and the task is orphaned after it')
}

function life({ pid, startTime }) {
  return `${pid} ${startTime}`
}
