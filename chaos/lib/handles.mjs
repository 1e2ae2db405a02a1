import { note } from './journal.mjs'

/** Asks through a handle, and notes if another task answers than the one that it is of. */
export async function noteMisled({ task, taskId, key }) {
  const answer = await task.info()
  if (answer.taskId !== taskId) note('misled', key, task.pid, `${taskId} reached ${answer.taskId} (${answer.meta.key})`)
}
