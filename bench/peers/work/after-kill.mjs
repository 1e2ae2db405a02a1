import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isAlive, kill, processesWith } from '../../lib/processes.mjs'
import { attempt, need } from '../lib/measure.mjs'
import { MARK, managersOf, withSession } from '../lib/session.mjs'
import { lookUntil, until } from '../lib/until.mjs'

const once = fileURLToPath(new URL('../fixtures/once.sh', import.meta.url))
const WORDS = 'words of a command'

/** How long (ms) to check that a command continues, or that an exit status is reported. */
const SETTLE_MS = 500

export const afterKill = {
  id: 'after-kill',
  title: 'After the manager was SIGKILLed: exit status, output, the command itself',
  run: async ({ peers, onSample }) => {
    const rows = []
    for (const { title, of } of QUESTIONS) {
      onSample(of.name)
      // No times are taken, so all may go at once.
      const ask = async (peer) => [peer.id, await attempt(() => withSession(peer, of, { separateCaller: true }))]
      rows.push({ title, unit: 'yes/no', results: new Map(await Promise.all(peers.map(ask))) })
    }
    return rows
  },
}

const QUESTIONS = [
  { title: 'Exit status of an ended command is known after the manager was SIGKILLed', of: exitKept },
  { title: 'Output of an ended command is there after the manager was SIGKILLed', of: outputKept },
  { title: 'A running command goes on after the manager was SIGKILLed', of: commandSurvives },
]

async function exitKept(session) {
  const exitCode = need(session, 'exitCode', 'does not report it')
  const task = await runToEnd(session)
  const isKnown = async () => (await exitCode(task)) === 7
  await until(isKnown, 'exit status before the kill')
  await killManagers(session)
  await session.recover()
  return lookUntil(() => isKnown().catch(() => false), SETTLE_MS)
}

async function outputKept(session) {
  const output = need(session, 'output', 'keeps none')
  const task = await runToEnd(session)
  const isKept = async () => (await output(task)).includes(WORDS)
  await until(isKept, 'output before the kill')
  await killManagers(session)
  await session.recover()
  return lookUntil(() => isKept().catch(() => false), SETTLE_MS)
}

async function commandSurvives(session) {
  await session.start({ name: 'long', argv: ['sleep', '3600'] })
  // What was forked for it is one of the manager's own until it executes the command.
  const pid = await until(() => {
    const managers = managersOf(session)
    return processesWith(MARK, session.mark).find((pid) => !managers.includes(pid))
  }, 'start of the command')
  await killManagers(session)
  await sleep(SETTLE_MS)
  return isAlive(pid)
}

async function runToEnd(session) {
  const note = join(session.root, 'note')
  const task = await session.start({ name: 'once', argv: ['sh', once, note, WORDS] })
  await until(() => existsSync(`${note}.over`), 'end of the command')
  return task
}

async function killManagers(session) {
  const pids = managersOf(session)
  for (const pid of pids) kill(pid, 'SIGKILL')
  await until(() => !pids.some(isAlive), 'end of the manager')
}
