import { setTimeout as delay } from 'node:timers/promises'
import { runProcesses } from './processes.mjs'
import { until } from './until.mjs'

const TICK_MS = 100
/** How often tasks are looked for that need a reader. */
const CENSUS_MS = 500

/** Keeps everybody going, kills them, and makes the system fail them, for so long. */
export async function storm(world, { actors, killer, foreigners, faults }, durationMs, { onTick, signal }) {
  const { callers, clients, supervisors } = world.crowd
  const end = performance.now() + durationMs
  let isCrowded = false
  const census = endless(CENSUS_MS, async () => {
    isCrowded = runProcesses().filter(({ role }) => role === 'supervisor').length >= supervisors
    await startReaders(world, actors)
  })
  for (const disturbance of [foreigners, faults, killer]) disturbance.begin()
  while (performance.now() < end && !signal.aborted) {
    if (!isCrowded && actors.count('caller') < callers) actors.startCaller()
    if (actors.count('client') < clients) actors.startClient()
    actors.ensureListener()
    onTick(Math.max(0, end - performance.now()))
    await delay(TICK_MS)
  }
  for (const disturbance of [foreigners, faults, killer]) disturbance.end()
  await census.end()
}

/** The storm is over: callers end by themselves, readers when their streams do, the others would go on for ever. */
export async function calm(world, { actors }) {
  for (const pid of [...actors.pids('client'), ...actors.pids('listener')]) process.kill(pid, 'SIGKILL')
  const leave = ['caller', 'client', 'listener']
  await until(() => leave.every((role) => actors.count(role) === 0), 60_000)
  // The other side's clients pause and end tasks of ours too.
  await world.meet('calm')
  // A client may have paused a task that no other would resume.
  for (const task of await world.pool.search()) {
    await task.resume().catch(() => {})
    task.disconnect()
  }
  const isRead = async () => {
    const streams = await startReaders(world, actors)
    return streams === 0 && actors.count('reader') === 0
  }
  await until(isRead, 60_000)
}

/** Returns how many streams have not ended or not been read yet. */
async function startReaders({ pool, side }, actors) {
  const isOurs = ({ meta }) => meta.side === side && meta.kind === 'stream'
  const tasks = await pool.search((info) => isOurs(info) && !isRead(info.streams[1]))
  for (const task of tasks) {
    actors.ensureReader(task.pid, task.cachedInfo.meta)
    task.disconnect()
  }
  return tasks.length
}

function isRead({ eof, firstOffset, endOffset }) {
  return eof && firstOffset === endOffset
}

/** Does it again and again until it is to end: a supervisor that is stopped just now keeps a search waiting. */
function endless(pauseMs, work) {
  let ending = false
  const loop = async () => {
    while (!ending) {
      await work()
      await delay(pauseMs)
    }
  }
  const ended = loop()
  return {
    end: () => {
      ending = true
      return ended
    },
  }
}
