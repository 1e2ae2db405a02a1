import { readProcessStat } from '@bgtask/os'
import { note } from '../journal.mjs'
import { processOf } from '../processes.mjs'

/** Clock ticks of `/proc/PID/stat` in a second. */
const TICKS = 100

/** Notes the tasks of this side that live, as the kernel knows it, so that each side can look for them all. */
export function noteTheLiving({ side }, journal) {
  for (const { subject: key, number: pid, rest: taskId, at } of journal.of('known')) {
    // One in the group of its caller may be ending with it just now.
    if (!key.startsWith(side) || journal.has('background', key) || processOf(pid)?.role !== 'supervisor') continue
    // A later supervisor may have that pid by now.
    if (readProcessStat(pid).startTime / TICKS <= at) note('alive', key, pid, taskId)
  }
}

export function missingTasks({ all, problems, journal }) {
  const found = new Set(all.map(({ cachedInfo }) => cachedInfo.taskId))
  return journal
    .of('alive')
    .filter(({ rest: taskId }) => !found.has(taskId))
    .map(({ subject: key, number: pid, rest: taskId }) => ({
      key,
      what: `task ${taskId} of supervisor ${pid} lives, and no search finds it`,
      problems: problems.filter((problem) => problem.startsWith(`${pid}:`)),
    }))
}

export function misledHandles({ journal }) {
  return journal
    .of('misled')
    .map(({ subject: key, number, rest, at }) => ({ key, at, what: `handle ${number}: ${rest}` }))
}
