import { setTimeout as sleep } from 'node:timers/promises'
import { attempt, need } from '../lib/measure.mjs'
import { isAlive, kill, MARK, managersOf, processesWith } from '../lib/processes.mjs'
import { withSession } from '../lib/session.mjs'
import { lookUntil, until } from '../lib/until.mjs'

const WORDS = 'words of a command'

export const afterKill = {
  id: 'after-kill',
  title: 'After the manager was SIGKILLed',
  run: async ({ peers, onSample }) => {
    // No times are taken, so all may go at once.
    const ask = async ({ title, of }) => {
      onSample(of.name)
      const answers = peers.map(async (peer) => [
        peer.id,
        await attempt(() => withSession(peer, of, { separateCaller: true })),
      ])
      return { title, unit: 'yes/no', results: new Map(await Promise.all(answers)) }
    }
    const rows = []
    for (const question of QUESTIONS) rows.push(await ask(question))
    return rows
  },
}

const QUESTIONS = [
  { title: 'Exit status is known after the manager was SIGKILLed', of: exitKept },
  { title: 'Output of an ended command is there after the manager was SIGKILLed', of: outputKept },
  { title: 'A running command goes on after the manager was SIGKILLed', of: commandSurvives },
]

async function exitKept(session) {
  const exitCode = need(session, 'exitCode', 'does not tell')
  const task = await runToEnd(session)
  const before = await lookUntil(async () => (await exitCode(task)) === 7, 5_000)
  if (!before) throw new Error('exit status was not told before either')
  await killManagers(session)
  await session.recover()
  return (await exitCode(task).catch(() => undefined)) === 7
}

async function outputKept(session) {
  const output = need(session, 'output', 'keeps none')
  const task = await runToEnd(session)
  await until(async () => (await output(task)).includes(WORDS), 'output')
  await killManagers(session)
  await session.recover()
  return (
    await Promise.resolve()
      .then(() => output(task))
      .catch(() => '')
  ).includes(WORDS)
}

async function commandSurvives(session) {
  await session.start({ name: 'long', argv: ['sleep', '3600'] })
  const [pid] = processesWith(MARK, session.mark).filter((pid) => !managersOf(session.mark).includes(pid))
  if (pid === undefined) throw new Error('command not found')
  await killManagers(session)
  await sleep(500)
  return isAlive(pid)
}

/** Ends with status 7 when it is sure to be seen: a command that is over at once is no running task. */
async function runToEnd(session) {
  const task = await session.start({ name: 'short', argv: ['sh', '-c', `echo ${WORDS}; sleep 0.5; exit 7`] })
  await sleep(1_000)
  return task
}

async function killManagers({ mark }) {
  const pids = managersOf(mark)
  for (const pid of pids) kill(pid, 'SIGKILL')
  await until(() => !pids.some(isAlive), 'end of the manager')
}
