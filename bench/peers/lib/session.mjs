import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../../lib/benchmark.mjs'
import { endAll, nameOf, processesWith } from '../../lib/processes.mjs'
import { unlessHung, within } from './measure.mjs'

/** Inherited by everything that is started in one session, so that all of it can be counted and ended. */
export const MARK = 'BGTASK_BENCH_SESSION'

/** How long a peer may take to go (ms); what is left then is killed. */
const CLOSE_MS = 10_000

/**
 * Starts to use a peer in a directory of its own, gives the session to `use`, and ends everything that was started.
 *
 * A session has `start({ name, argv })`, and of the following what the peer can do: `warm()`, `startMany(commands)`,
 * `query()` (how many commands run), `queryEach()` (the same, where a manager for each command can be asked too), `search(name)` (how many have that name), `stop(task)`, `output(task)` (all that is
 * kept), `exitCode(task)`, `follow(task, onData)`, `recover()` (makes it usable after its processes were killed), `close()`.
 */
export async function withSession(peer, use, options = {}) {
  const session = await openSession(peer, options)
  try {
    return await unlessHung(() => use(session))
  } finally {
    await session.end()
  }
}

/** The same for sessions that are used side by side; `end` ends everything. */
export async function openSession(peer, options = {}) {
  const mark = randomBytes(8).toString('hex')
  const root = temporaryDirectory()
  const directory = join(root, 'p')
  mkdirSync(directory, { mode: 0o700 })
  const env = { ...process.env, [MARK]: mark }
  let session
  const end = async () => {
    await within(CLOSE_MS, 'close', async () => session?.close?.()).catch(() => {})
    await endAll(MARK, mark)
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    session = await unlessHung(() => peer.open({ directory, env, mark, ...options }))
    return Object.assign(session, { mark, root, end })
  } catch (error) {
    await end()
    throw error
  }
}

/** What the peer itself runs for a session: all but the commands, which are `sleep`s. */
export const managersOf = ({ mark }) => processesWith(MARK, mark).filter((pid) => nameOf(pid) !== 'sleep')

/** Starts many at once, by the peer's own way of doing that where it has one. */
export const startMany = (session, commands) =>
  session.startMany ? session.startMany(commands) : Promise.all(commands.map((command) => session.start(command)))

/** Ten at a time, where it is not the start that is measured. */
export async function startInTens(session, count, from = 0) {
  for (let index = 0; index < count; index += 10) {
    await startMany(session, idle(Math.min(10, count - index), from + index))
  }
}

/** Commands that do nothing for an hour. */
export const idle = (count, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ name: `idle${from + index}`, argv: ['sleep', '3600'] }))
