import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { Actors } from './actors.mjs'
import { CHECKS, listOwnDescriptors, lookAround } from './checks.mjs'
import { INJECTIONS } from './inject.mjs'
import { note, readJournal } from './journal.mjs'
import { Killer } from './killer.mjs'
import { makeRandom } from './random.mjs'
import { calm, storm } from './storm.mjs'
import { until } from './until.mjs'
import { makeWorld, supervisorDescriptors } from './world.mjs'

/** How long (ms) what takes time may take until a check finds all well: a supervisor that undoes itself, say. */
const GRACE_MS = 15_000

/** What is wrong on purpose stays so. */
const INJECTED_GRACE_MS = 500

/**
 * One run: a storm, then the account.
 *
 * @param options.injected ids of the checks that are to find something.
 * @param options.onProgress called with a state as text, often.
 * @param options.signal ends the storm early; the account is made all the same.
 */
export async function runChaos({ minutes, seed, injected, onProgress, signal }) {
  const world = makeWorld()
  const random = makeRandom(seed)
  const actors = new Actors(world, random)
  let violations = []
  let done = false
  try {
    world.descriptorLimit = await supervisorDescriptors(world)
    const killer = new Killer(world, random, actors)
    world.ownDescriptors = listOwnDescriptors().length
    const cast = { actors, killer, random }
    const started = performance.now()
    const onTick = (leftMs) => onProgress(`${Math.ceil(leftMs / 1_000)} s left, ${describe(actors, killer)}`)
    await storm(world, cast, minutes * 60_000, { onTick, signal })
    onProgress('waiting for callers and readers')
    await calm(world, cast)
    violations = await runChecks('tasks', world, cast, injected, onProgress)
    const account = await takeStock(world, killer)
    onProgress('ending everything')
    await endEverything(world)
    violations.push(...(await runChecks('rest', world, cast, injected, onProgress)))
    done = true
    return {
      seed,
      seconds: Math.round((performance.now() - started) / 1_000),
      ...account,
      violations,
      directory: world.directory,
    }
  } finally {
    await world.dispose({ keep: !done || (violations.length > 0 && injected.length === 0) })
  }
}

async function runChecks(of, world, cast, injected, onProgress) {
  const violations = []
  for (const check of CHECKS.filter((check) => check.of === of)) {
    onProgress(`checking that ${check.title}`)
    const isInjected = injected.includes(check.id)
    const undo = isInjected ? await INJECTIONS[check.id](world, cast) : () => {}
    let found = []
    const isWell = async () => {
      found = await check.run(of === 'tasks' ? await lookAround(world) : world)
      return found.length === 0
    }
    await until(isWell, isInjected ? INJECTED_GRACE_MS : GRACE_MS)
    const journal = readJournal()
    const lines = (key) => (key === undefined ? [] : journal.about(key).map(({ line }) => line))
    violations.push(...found.map((violation) => ({ check: check.id, ...violation, journal: lines(violation.key) })))
    await undo()
  }
  return violations
}

async function takeStock(world, { kills, stops }) {
  const { tasks, lost, journal } = await lookAround(world)
  const count = (event) => journal.of(event).length
  return {
    tasks: {
      asked: count('spawning'),
      spawned: count('spawned'),
      refused: countBy(journal.of('refused')),
      runs: count('start'),
      alive: tasks.length,
      lost: lost.filter(({ state }) => state === 'lost').length,
      orphaned: lost.filter(({ state }) => state === 'orphaned').length,
      ended: new Set(journal.of('ending').map(({ subject }) => subject)).size,
    },
    kills,
    stops,
    exitsHeard: count('heard'),
    streams: world.streams.size,
    errors: countBy(journal.of('error')),
  }
}

/** By the word that says which, most frequent first. */
function countBy(entries) {
  const counts = {}
  for (const { rest } of entries) counts[rest] = (counts[rest] ?? 0) + 1
  return Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a))
}

/** All tasks and all that was lost, by the same means that any user has. */
async function endEverything({ pool }) {
  await Promise.all(
    (await pool.search()).map((task) =>
      task.terminateSupervisor().catch((error) => note('error', 'end', task.pid, error.message)),
    ),
  )
  for (const lost of await pool.lost()) {
    await lost.stop()
    await lost.remove()
  }
  // A sweep leaves for a minute what may be that of a supervisor which is just starting; nobody starts any more.
  const minutesAgo = Date.now() / 1_000 - 120
  for (const name of readdirSync(pool.path)) utimesSync(join(pool.path, name), minutesAgo, minutesAgo)
  await pool.sweep()
}

function describe(actors, { kills, stops }) {
  const killed = Object.entries(kills).map(([role, count]) => `${count} ${role}`)
  return `${actors.tasks} tasks planned, killed ${killed.join(', ')}, ${stops} stopped`
}
