import { contradictedAnnouncements, lostExits } from './checks/exits.mjs'
import { misledHandles, missingTasks } from './checks/identity.mjs'
import { heldDescriptors, heldLocks, leftFiles, leftProcesses, ownDescriptors } from './checks/leftovers.mjs'
import { unendedSupervisors, unreported } from './checks/running.mjs'
import { hitForeigners, unnamedSurvivors } from './checks/signals.mjs'
import { doubleHolders, wrongStreams } from './checks/streams.mjs'
import { readJournal } from './journal.mjs'

/**
 * Invariants after a storm: each check returns its violations as `{ what, key?, at? }`. Checks of `tasks` inspect the tasks,
 * those of `rest` inspect what is left when all tasks have been ended.
 */
export const CHECKS = [
  { id: 'orphan', title: 'every running process is reported', of: 'tasks', run: unreported },
  {
    id: 'supervisor',
    title: 'no supervisor ends unless it is killed or requested to',
    of: 'tasks',
    run: unendedSupervisors,
  },
  { id: 'exit', title: 'no task and no exit is lost', of: 'tasks', run: lostExits },
  {
    id: 'recorded',
    title: 'an exit is recorded exactly if its event says so',
    of: 'tasks',
    run: contradictedAnnouncements,
  },
  { id: 'found', title: 'every live task is found, from each side', of: 'tasks', run: missingTasks },
  { id: 'handle', title: 'no handle reaches another task', of: 'tasks', run: misledHandles },
  { id: 'holder', title: 'no lock has two holders', of: 'tasks', run: doubleHolders },
  { id: 'stream', title: 'every byte of a blocking stream is correct', of: 'tasks', run: wrongStreams },
  { id: 'descriptor', title: 'no supervisor keeps a descriptor of an earlier run', of: 'tasks', run: heldDescriptors },
  {
    id: 'survivors',
    title: 'a stop ends or reports all processes that it can find',
    of: 'rest',
    run: unnamedSurvivors,
  },
  { id: 'foreign', title: 'no foreign process is signalled', of: 'rest', run: hitForeigners },
  { id: 'lock', title: 'no lock is held by a dead process', of: 'rest', run: heldLocks },
  { id: 'process', title: 'no process is left', of: 'rest', run: leftProcesses },
  { id: 'socket', title: 'no socket, nor any other file of the pool, is left', of: 'rest', run: leftFiles },
  { id: 'own-descriptor', title: 'the pool and its tasks keep no descriptor here', of: 'rest', run: ownDescriptors },
]

/** What pool and supervisors report of the tasks of this side, to be compared with the journal and the kernel. */
export async function lookAround(world) {
  const problems = []
  const onError = (error, { pid }) => problems.push(`${pid}: ${error.code} ${error.message}`)
  const all = await world.pool.search(() => true, { timeoutMs: 30_000, onError })
  const tasks = all.filter(({ cachedInfo }) => cachedInfo.meta.side === world.side)
  const lost = (await world.pool.lost()).filter(({ record }) => record.info.meta.side === world.side)
  return { ...world, all, tasks, lost, problems, journal: readJournal() }
}
