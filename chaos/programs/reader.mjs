// Reads a task's blocking stdout into a file and discards only what is in it, so that a reader which is killed loses nothing.
import { openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { TaskPool } from '@bgtask/pool'
import { isBgTaskError } from '@bgtask/protocol'
import { note } from '../lib/journal.mjs'

const [path, pid, key, file] = process.argv.slice(2)
const fd = openSync(file, 'r+')
try {
  const task = await new TaskPool({ path }).taskByPid(Number(pid), { timeoutMs: 30_000 })
  // The pid may be another task's by now.
  if (task?.cachedInfo.meta.key === key) await receive(task)
} catch (error) {
  if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) throw error
}

async function receive(task) {
  let end = 0
  for await (const chunk of task.stdout.follow({ discard: true })) {
    if (chunk.gap) {
      note('gap', key, chunk.from, chunk.to)
      continue
    }
    writeSync(fd, chunk.data, 0, chunk.data.length, chunk.offset)
    end = chunk.offset + chunk.data.length
    if (end % 7 === 0) await delay(end % 50)
  }
  note('eof', key, end)
  task.disconnect()
}
