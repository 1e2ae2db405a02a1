import { signalProcess } from '@bgtask/os'
import { readJournal } from '../journal.mjs'
import { observeStop } from '../observed-stop.mjs'
import { taskOptions } from '../plan.mjs'
import { runProcesses } from '../processes.mjs'
import { until } from '../until.mjs'
import { killProcesses } from './jobs.mjs'

/** A stop that ends the child alone: a daughter that has dropped everything but its parent lives on. */
export async function survivors({ pool }) {
  const key = 'injected-survivors'
  const task = await pool.spawn(taskOptions(key, 'escape', { daughters: [['session', 'pipes', 'environment']] }))
  // The child and its daughter have both registered.
  await until(
    () => runProcesses().filter((process) => process.key === key && process.role === 'escaped').length === 2,
    10_000,
  )
  const { taskId, pid: childPid } = await task.info()
  await observeStop({ key, taskId, childPid }, async () => {
    await task.kill('SIGKILL')
    return { survivors: [] }
  })
  return async () => {
    await task.terminateSupervisor()
    await killProcesses(key)
  }
}

/** A signal to a foreigner, as one gives that takes it for a task's. */
export async function foreign({ foreigners }) {
  foreigners.begin()
  await until(() => {
    foreigners.look()
    return foreigners.alive.length > 0
  }, 10_000)
  foreigners.end()
  signalProcess(foreigners.alive[0], 'SIGTERM')
  await until(() => readJournal().of('hit').length > 0, 10_000)
  return () => {}
}
