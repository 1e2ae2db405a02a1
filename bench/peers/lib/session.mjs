import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { within } from './measure.mjs'
import { endAll, MARK } from './processes.mjs'

/** How long a peer may take to go (ms); what is left then is killed. */
const CLOSE_MS = 10_000

const ends = new Set()

/** Ends whatever is still open, for a run that is cut short. */
export const endSessions = () => Promise.all([...ends].map((end) => end()))

/**
 * Starts to use a peer in a directory of its own, gives the session to `use`, and ends everything that was started.
 *
 * A session has `start({ name, argv })`, and of the following what the peer can do: `warm()`, `startMany(commands)`,
 * `query()` (how many commands run), `stop(task)`, `output(task)`, `exitCode(task)`, `follow(task, onData)`, `recover()`
 * (makes it usable after its processes were killed), `close()`.
 */
export async function withSession(peer, use, options = {}) {
  const session = await openSession(peer, options)
  try {
    return await use(session)
  } finally {
    await session.end()
  }
}

/** The same for sessions that are used side by side; `end` ends everything. */
export async function openSession(peer, options = {}) {
  const mark = randomBytes(8).toString('hex')
  const directory = mkdtempSync(join(tmpdir(), 'bgp-'))
  mkdirSync(join(directory, 'p'), { mode: 0o700 })
  const env = { ...process.env, [MARK]: mark }
  let session
  const end = async () => {
    await within(CLOSE_MS, 'close', async () => session?.close?.()).catch(() => {})
    await endAll(MARK, mark)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    ends.delete(end)
  }
  ends.add(end)
  try {
    session = await peer.open({ directory: join(directory, 'p'), env, mark, ...options })
    return Object.assign(session, { mark, end })
  } catch (error) {
    await end()
    throw error
  }
}

/** Starts many at once, by the peer's own way of doing that where it has one. */
export const startMany = (session, commands) =>
  session.startMany ? session.startMany(commands) : Promise.all(commands.map((command) => session.start(command)))

/** Commands that do nothing, for long. */
export const idle = (count, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ name: `idle${from + index}`, argv: ['sleep', '3600'] }))
