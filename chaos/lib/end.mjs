import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { note } from './journal.mjs'
import { observeStop, stopLost } from './observed-stop.mjs'

/** Ends all tasks of this side and all that was lost, by the same means that any user has. */
export async function endEverything({ pool, side }) {
  const tasks = await pool.search(({ meta }) => meta.side === side)
  await Promise.all(
    tasks.map((task) => {
      const { taskId, pid, meta } = task.cachedInfo
      return observeStop({ key: meta.key, taskId, childPid: pid }, (wait) => task.terminateSupervisor(wait)).catch(
        (error) => {
          note('error', 'end', task.pid, error.message)
          task.disconnect()
        },
      )
    }),
  )
  for (const lost of await pool.lost()) {
    await stopLost(lost).catch((error) => note('error', 'end', lost.pid, error.message))
    await lost.remove()
  }
  // A sweep keeps young files, which may be those of a starting supervisor; here none starts any more.
  const minutesAgo = Date.now() / 1_000 - 120
  for (const name of readdirSync(pool.path)) age(join(pool.path, name), minutesAgo)
  await pool.sweep()
}

function age(path, time) {
  try {
    utimesSync(path, time, time)
  } catch (error) {
    // The other side ends its tasks just now.
    if (error.code !== 'ENOENT') throw error
  }
}
