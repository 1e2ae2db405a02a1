// Does to tasks whatever clients can do, at random, and journals what must be accounted for. Killed at any moment.
import { TaskPool } from '@bgtask/pool'
import { noteMisled } from '../lib/handles.mjs'
import { note } from '../lib/journal.mjs'
import { observeStop, STOP_MS, stopLost } from '../lib/observed-stop.mjs'
import { makeRandom } from '../lib/random.mjs'

const [path, seed] = process.argv.slice(2)
const random = makeRandom(Number(seed))
const pool = new TaskPool({ path })
/** Handles of before, whose tasks may be gone by now and whose pids another's. */
const handles = []
const MAX_HANDLES = 30

const ACTS = {
  info: (task) => task.info(),
  meta: (task) => task.applyMeta({ note: random.integer(0, 1_000_000), before: null }),
  read: (task) => task.stdout.read({ waitMs: random.integer(0, 300) }),
  discard: (task) => task.stdout.discard(),
  follow: (task) => followFor(task, random.integer(10, 300)),
  write: (task) => task.stdin.write('x'.repeat(random.integer(1, 60_000)), { wait: false }),
  close: (task) => task.stdin.close(),
  subscribe: (task) => task.on('childExit', () => {}).info(),
  interrupt: (task, { key }) => signalling(key, () => task.kill('INT')),
  pause: (task) => task.pause(),
  resume: (task) => task.resume(),
  restart: (task) => task.restart(),
  stop: (task) => observing(task, (wait) => task.stop(random.chance(0.3) ? { ...wait, steps: WITHOUT_KILL } : wait)),
  wait: (task, { key }) => awaitExit(task, key),
  end: (task, { key }) => ending(key, () => observing(task, (wait) => task.terminateSupervisor(wait))),
  revisit: () => noteMisled(random.pick(handles)),
}
/** Only a stream's own reader may discard, and most streams are to come to their end. */
const NEVER_TO_STREAMS = ['discard', 'restart']
const RARELY_TO_STREAMS = ['interrupt', 'stop', 'end']

/** After these there are survivors to be named. */
const WITHOUT_KILL = [{ killSignal: 'TERM', waitMs: 100 }]

const WEIGHTS = {
  info: 6,
  meta: 4,
  read: 4,
  discard: 2,
  follow: 3,
  write: 4,
  close: 1,
  subscribe: 2,
  interrupt: 2,
  pause: 1,
  resume: 2,
  restart: 2,
  stop: 2,
  wait: 6,
  end: 1,
  revisit: 2,
}

for (;;) {
  await tolerant('search', async () => {
    const tasks = await pool.search(random.chance(0.5) ? {} : (info) => info.meta.key !== undefined)
    if (tasks.length === 0) return
    for (let turn = 0; turn < 5; turn += 1) {
      const task = random.pick(tasks)
      remember(task)
      const act = random.weighted(WEIGHTS)
      if (task.cachedInfo.meta.kind === 'stream' && sparesStream(act)) continue
      await tolerant(act, () => ACTS[act](task, task.cachedInfo.meta))
      if (random.chance(0.3)) task.disconnect()
    }
    for (const task of tasks) task.disconnect()
  })
  await tolerant('lost', dealWithLost)
}

function sparesStream(act) {
  return NEVER_TO_STREAMS.includes(act) || (RARELY_TO_STREAMS.includes(act) && random.chance(0.9))
}

/** What other clients, killers and the end of a supervisor can make of any call: an error of ours, never another. */
async function tolerant(act, work) {
  try {
    await work()
  } catch (error) {
    note(
      'error',
      act,
      process.pid,
      error.code === undefined ? error.stack.replaceAll(/\s+/g, ' ') : `${error.code} ${error.remoteCode ?? ''}`,
    )
  }
}

async function followFor(task, ms) {
  const signal = AbortSignal.timeout(ms)
  try {
    for await (const chunk of task.stderr.follow({ signal })) if (chunk.gap) break
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function awaitExit(task, key) {
  const { run, exitCode, signal } = await task.wait({ timeoutMs: 500 })
  note('heard', key, run, `${exitCode} ${signal}`)
}

function signalling(key, work) {
  note('signalled', key)
  return work()
}

/** Processes can be seen on their own side only. */
function observing(task, stop) {
  const { meta, taskId, pid } = task.cachedInfo
  if (meta.side !== process.env.CHAOS_SIDE) return signalling(meta.key, () => stop({ timeoutMs: STOP_MS }))
  return observeStop({ key: meta.key, taskId, childPid: pid }, stop)
}

function remember(task) {
  if (handles.length >= MAX_HANDLES) handles.splice(random.integer(0, MAX_HANDLES - 1), 1)
  handles.push({ task, taskId: task.cachedInfo.taskId, key: task.cachedInfo.meta.key })
}

/** Said before it is done: killed in between, the client has still asked for it. */
function ending(key, work) {
  note('signalled', key)
  note('ending', key)
  return work()
}

async function dealWithLost() {
  for (const lost of await pool.lost()) {
    if (random.chance(0.8)) continue
    const { key } = lost.record.info.meta
    await stopLost(lost, [{ killSignal: 'KILL', waitMs: 2_000 }])
    if (random.chance(0.7)) continue
    note('ending', key)
    await lost.remove()
  }
}
