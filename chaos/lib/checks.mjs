import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { readJournal } from './journal.mjs'
import { streamContent, taskOptions } from './plan.mjs'
import { commandOf, descriptorsOf, runProcesses } from './processes.mjs'

/**
 * What must hold when a storm is over: each check gives what it found wrong, as `{ what, key? }`. Those of `tasks` look at
 * what is there, those of `rest` at what is left when all of it has been ended.
 */
export const CHECKS = [
  { id: 'orphan', title: 'whatever runs is told of', of: 'tasks', run: unreported },
  { id: 'exit', title: 'no task and no exit is lost', of: 'tasks', run: lostExits },
  { id: 'holder', title: 'no lock has two holders', of: 'tasks', run: doubleHolders },
  { id: 'stream', title: 'every blocking stream is right to the byte', of: 'tasks', run: wrongStreams },
  { id: 'descriptor', title: 'no supervisor holds a descriptor of the past', of: 'tasks', run: heldDescriptors },
  { id: 'lock', title: 'no lock is held by the dead', of: 'rest', run: heldLocks },
  { id: 'process', title: 'no process is left', of: 'rest', run: leftProcesses },
  { id: 'socket', title: 'no socket, nor any other file of the pool, is left', of: 'rest', run: leftFiles },
  { id: 'own-descriptor', title: 'the pool and its tasks keep no descriptor here', of: 'rest', run: ownDescriptors },
]

/** What pool and supervisors tell, to be held against the journal and the kernel. */
export async function lookAround(world) {
  const problems = []
  const onError = (error, { pid }) => problems.push(`${pid}: ${error.code} ${error.message}`)
  const tasks = await world.pool.search(() => true, { timeoutMs: 30_000, onError })
  const lost = await world.pool.lost()
  return { ...world, tasks, lost, problems, journal: readJournal() }
}

function unreported({ tasks, lost, problems, journal }) {
  const found = []
  const lives = new Set(tasks.map(({ cachedInfo }) => cachedInfo.taskId))
  const supervisors = new Set(tasks.map(({ pid }) => pid))
  const mains = new Set(journal.of('start').map(({ number, subject }) => `${number} ${subject}`))
  for (const { pid, role, key, taskId } of runProcesses()) {
    const what = `${role} ${pid} (${commandOf(pid)})`
    if (role === 'supervisor' && !supervisors.has(pid))
      found.push({ what: `${what} runs, and no search finds it`, problems })
    if (role !== 'child') continue
    const lostTask = lost.find((task) => task.taskId === taskId)
    if (journal.has('refused', key)) found.push({ key, what: `${what} runs, though its spawn was refused` })
    else if (!lives.has(taskId) && lostTask === undefined)
      found.push({ key, what: `${what} runs, and nobody tells of it` })
    else if (lostTask?.state === 'lost' && mains.has(`${pid} ${key}`))
      found.push({ key, what: `${what} runs, and its task is told as lost` })
  }
  return found
}

function lostExits({ tasks, lost, journal }) {
  const told = new Map([
    ...lost.map(({ record }) => [record.info.meta.key, { info: record.info, lives: false }]),
    ...tasks.map(({ cachedInfo }) => [cachedInfo.meta.key, { info: cachedInfo, lives: true }]),
  ])
  const found = []
  for (const { subject: key } of journal.of('spawned')) {
    // Asked to go, or in a group whose leader has gone: then it may be gone, with its exit.
    const mayBeGone = journal.has('ending', key) || journal.has('background', key)
    if (!told.has(key) && !mayBeGone) found.push({ key, what: 'the task is gone without a trace' })
  }
  for (const [key, { info, lives }] of told) {
    found.push(...contradictions(info, journal.of('heard', key)).map((what) => ({ key, what })))
    if (lives) found.push(...untruths(info, key, journal).map((what) => ({ key, what })))
  }
  return found
}

/** What somebody heard must be on record. */
function contradictions({ run, exitStatus }, heard) {
  const isWrong = ({ number, rest }) => {
    if (number !== run) return number > run
    return exitStatus === null || rest !== `${exitStatus.exitCode} ${exitStatus.signal}`
  }
  return heard
    .filter(isWrong)
    .map(
      ({ number, rest }) =>
        `run ${number} was heard to end with ${rest}, told is run ${run} with ${JSON.stringify(exitStatus)}`,
    )
}

/** What a supervisor that lives says must be so. */
function untruths({ state, pid, exitStatus }, key, journal) {
  const alive = runProcesses().some((process) => process.pid === pid)
  if (state === 'running' || state === 'paused')
    return alive ? [] : [`it is told to be ${state}, but its child ${pid} is not there`]
  const starts = journal.of('start', key)
  const last = starts.at(-1)
  if (state !== 'exited' || last === undefined) return []
  const said = journal.of('exit', key).findLast(({ number }) => number === last.number)
  const { exitCode, signal } = exitStatus ?? {}
  if (exitStatus === null) return ['it has exited without a status']
  if (said !== undefined && signal === null && exitCode !== Number(said.rest))
    return [`it said ${said.rest}, told is ${exitCode}`]
  if (signal !== null && !journal.has('signalled', key)) return [`nobody signalled it, told is ${signal}`]
  return []
}

function doubleHolders({ journal }) {
  return journal.of('double').map(({ subject: key, number, rest }) => ({
    key,
    what: `${number} held a lock together with ${rest}`,
  }))
}

function wrongStreams({ tasks, journal, streams, receivedFile }) {
  const infos = new Map(tasks.map(({ cachedInfo }) => [cachedInfo.meta.key, cachedInfo]))
  return [...streams].flatMap(([key, lines]) =>
    streamProblems(key, readFileSync(receivedFile(key)), streamContent(key, lines), infos.get(key), journal).map(
      (what) => ({
        key,
        what,
      }),
    ),
  )
}

function streamProblems(key, bytes, expected, info, journal) {
  const gaps = journal.of('gap', key).map(({ number, rest }) => `bytes ${number} to ${rest} were lost`)
  if (!bytes.equals(expected.subarray(0, bytes.length))) return [...gaps, 'what came is not what was written']
  // Of a supervisor that was killed nobody knows how far it would have come.
  if (info === undefined) return gaps
  const { eof, endOffset } = info.streams[1]
  if (!eof || endOffset !== bytes.length) return [...gaps, `${bytes.length} bytes came of ${endOffset}, eof is ${eof}`]
  const isWhole = bytes.length === expected.length || journal.has('signalled', key)
  return isWhole ? gaps : [...gaps, `${bytes.length} bytes came of ${expected.length}`]
}

async function heldDescriptors({ tasks, descriptorLimit }) {
  const found = []
  for (const task of tasks) {
    await task.info()
    const held = descriptorsOf(task.pid)
    if (held.length > descriptorLimit)
      found.push({
        key: task.cachedInfo.meta.key,
        what: `supervisor ${task.pid} holds ${held.length} descriptors`,
        held,
      })
    task.disconnect()
  }
  return found
}

async function heldLocks({ pool, lockfiles }) {
  const found = []
  for (const lockfile of lockfiles) {
    try {
      const task = await pool.spawn(taskOptions('probe', 'quick', { lockfile, seconds: 0 }))
      await task.terminateSupervisor()
    } catch (error) {
      found.push({ what: `${error.message}` })
    }
  }
  return found
}

function leftProcesses() {
  return runProcesses().map(({ pid, role, key }) => ({ key, what: `${role ?? 'process'} ${pid} (${commandOf(pid)})` }))
}

function leftFiles({ pool }) {
  const listening = readFileSync('/proc/net/unix', 'latin1').split('\n')
  return [
    ...readdirSync(pool.path).map((name) => ({ what: `file ${name}` })),
    ...listening.filter((line) => line.includes(` ${pool.path}/`)).map((line) => ({ what: `socket ${line}` })),
  ]
}

async function ownDescriptors({ ownDescriptors: before }) {
  // What has just been closed goes in the next turns of the loop.
  await delay(0)
  const now = listOwnDescriptors()
  return now.length > before ? [{ what: `${now.length} descriptors instead of ${before}`, held: now }] : []
}

/** Without the one by which Node watches directories, and which it keeps. */
export function listOwnDescriptors() {
  return descriptorsOf(process.pid).filter((descriptor) => !descriptor.endsWith('inotify'))
}
