import { setTimeout as delay } from 'node:timers/promises'
import { runProcesses } from './processes.mjs'
import { until } from './until.mjs'

const TICK_MS = 100
const CALLERS = 3
const CLIENTS = 3
/** Supervisors at once: enough to be a crowd, few enough for a small machine. */
const SUPERVISORS = 30
/** How often tasks are looked for that need a reader. */
const CENSUS_MS = 500

/** Keeps callers, clients and readers going, and kills them, for so long. */
export async function storm(world, { actors, killer }, durationMs, { onTick, signal }) {
  const end = performance.now() + durationMs
  let isCrowded = false
  const census = endless(CENSUS_MS, async () => {
    isCrowded = runProcesses().filter(({ role }) => role === 'supervisor').length >= SUPERVISORS
    await startReaders(world, actors)
  })
  killer.begin()
  while (performance.now() < end && !signal.aborted) {
    if (!isCrowded && actors.count('caller') < CALLERS) actors.startCaller()
    if (actors.count('client') < CLIENTS) actors.startClient()
    onTick(Math.max(0, end - performance.now()))
    await delay(TICK_MS)
  }
  killer.end()
  await census.end()
}

/** The storm is over: callers end by themselves, readers when their streams do, clients would go on for ever. */
export async function calm(world, { actors }) {
  for (const pid of actors.pids('client')) process.kill(pid, 'SIGKILL')
  await until(() => actors.count('caller') + actors.count('client') === 0, 60_000)
  // A client may have paused what nobody would resume.
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
async function startReaders({ pool }, actors) {
  const tasks = await pool.search((info) => info.meta.kind === 'stream' && !isRead(info.streams[1]))
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
