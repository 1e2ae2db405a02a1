import { Actors } from './actors.mjs'
import { noteTheLiving } from './checks/identity.mjs'
import { listOwnDescriptors } from './checks/leftovers.mjs'
import { CHECKS, lookAround } from './checks.mjs'
import { endEverything } from './end.mjs'
import { Foreigners } from './foreigners.mjs'
import { INJECTIONS } from './inject.mjs'
import { readJournal, storyOf } from './journal.mjs'
import { Killer } from './killer.mjs'
import { makeRandom } from './random.mjs'
import { takeStock } from './stock.mjs'
import { calm, storm } from './storm.mjs'
import { until } from './until.mjs'
import { killAll, supervisorDescriptors } from './world.mjs'

/**
 * How long (ms) a check may take to find what is expected: that all is well (a supervisor may have to undo itself), or what
 * was injected (the threads of a killed supervisor do not end at once).
 */
const GRACE_MS = 15_000

/**
 * One side's run: a storm, then the account. Whatever it started has ended when it returns.
 *
 * @param options.mode what fails beside those that are killed.
 * @param options.injected ids of the checks that are to find something.
 * @param options.onProgress called with a state as text, often.
 * @param options.signal ends the storm early; the account is made all the same.
 */
export async function runSide(world, { mode, minutes, seed, injected, onProgress, signal }) {
  const random = makeRandom(seed)
  const faults = mode.makeFaults(world, random)
  const actors = new Actors(world, random, () => faults.prefix?.() ?? [])
  const foreigners = new Foreigners(world, random)
  const killer = new Killer(world, random, actors)
  const cast = { actors, killer, foreigners, faults }
  const checkAll = (of) => runChecks(of, { ...world, foreigners }, cast, injected, onProgress)
  try {
    world.descriptorLimit = await supervisorDescriptors(world)
    world.ownDescriptors = listOwnDescriptors().length
    const started = performance.now()
    const onTick = (leftMs) => onProgress(`${Math.ceil(leftMs / 1_000)} s left, ${describe(actors, killer)}`)
    await storm(world, cast, minutes * 60_000, { onTick, signal })
    onProgress('waiting for callers and readers')
    await calm(world, cast)
    noteTheLiving(world, readJournal())
    await world.meet('the living are noted')
    const violations = await checkAll('tasks')
    const account = takeStock(await lookAround(world), cast)
    await world.meet('tasks are checked')
    onProgress('ending everything')
    await endEverything(world)
    await world.meet('everything has ended')
    violations.push(...(await checkAll('rest')))
    foreigners.dismissAll()
    return { seconds: Math.round((performance.now() - started) / 1_000), ...account, violations }
  } finally {
    await killAll()
  }
}

async function runChecks(of, world, cast, injected, onProgress) {
  const violations = []
  for (const check of CHECKS.filter((check) => check.of === of)) {
    onProgress(`checking that ${check.title}`)
    const isInjected = injected.includes(check.id)
    const undo = isInjected ? await INJECTIONS[check.id](world, cast) : () => {}
    let found = []
    const isAsExpected = async () => {
      found = await check.run(of === 'tasks' ? await lookAround(world) : world)
      return found.length > 0 === isInjected
    }
    await until(isAsExpected, GRACE_MS)
    const journal = readJournal()
    violations.push(
      ...found.map((violation) => ({
        check: check.id,
        ...violation,
        journal: storyOf(journal, violation.key, violation.at),
      })),
    )
    await undo()
  }
  return violations
}

function describe(actors, { kills, stops }) {
  const killed = Object.entries(kills).map(([role, count]) => `${count} ${role}`)
  return `${actors.tasks} tasks planned, killed ${killed.join(', ')}, ${stops} stopped`
}
