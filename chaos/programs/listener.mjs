// Listens to the exits of all tasks, and journals what was announced: which run, how it ended, and whether that is on record.
import { setTimeout as delay } from 'node:timers/promises'
import { TaskPool } from '@bgtask/pool'
import { note } from '../lib/journal.mjs'

const [path] = process.argv.slice(2)
const LOOK_MS = 400

const pool = new TaskPool({ path })
const followed = new Map()

for (;;) {
  for (const task of await pool.search().catch(() => [])) listen(task)
  await delay(LOOK_MS)
}

function listen(task) {
  const { taskId, meta } = task.cachedInfo
  if (followed.has(taskId)) return
  followed.set(taskId, task)
  const forget = () => {
    followed.delete(taskId)
    task.disconnect()
  }
  task.on('error', forget)
  task.on('disconnect', forget)
  task.on('childExit', ({ run, recorded, exitStatus: { exitCode, signal } }) =>
    note('announced', meta.key, run, `${recorded ? 'recorded' : 'unrecorded'} ${exitCode} ${signal}`),
  )
}
