// Spawns the tasks it is given, one after the other, and journals how that went. Killed at any moment.
import { note } from '../lib/journal.mjs'
import { makePool } from '../lib/supervisors.mjs'

const { path, standby, tasks } = JSON.parse(process.argv[2])
const pool = makePool({ path, standby })
for (const options of tasks) {
  const { key } = options.meta
  note('spawning', key)
  try {
    const task = await pool.spawn(options)
    note('spawned', key, task.pid)
    await identify(task, key)
    task.disconnect()
  } catch (error) {
    note('refused', key, process.pid, error.code ?? error.name)
  }
}
await pool.close()

/** The task may be gone again by now. */
async function identify(task, key) {
  const info = await task.info().catch(() => undefined)
  if (info === undefined) return
  if (info.meta.key === key) note('known', key, task.pid, info.taskId)
  else note('misled', key, task.pid, `what was spawned is ${info.meta.key}`)
}
