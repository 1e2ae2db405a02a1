import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { readJournal } from '../journal.mjs'
import { taskOptions } from '../plan.mjs'
import { runProcesses } from '../processes.mjs'
import { until } from '../until.mjs'
import { killProcesses, startJob } from './jobs.mjs'

export async function holder({ lockfiles: [lockfile] }) {
  const { exec, env } = taskOptions('injected-holder', 'sleeper', { lockfile })
  for (let count = 0; count < 2; count += 1) startJob(exec, env)
  await until(() => readJournal().has('double', 'injected-holder'), 10_000)
  return () => killProcesses('injected-holder')
}

export async function lock({ lockfiles: [lockfile] }) {
  startJob(['flock', '-n', lockfile, 'sleep', '1000'], { CHAOS_KEY: 'injected-lock' })
  await until(() => runProcesses().filter(({ key }) => key === 'injected-lock').length === 2, 10_000)
  return () => killProcesses('injected-lock')
}

export async function process() {
  startJob(['sleep', '1000'], { CHAOS_KEY: 'injected-process' })
  return () => killProcesses('injected-process')
}

export async function socket({ pool }) {
  const server = createServer().listen(pool.socketPath(1))
  await once(server, 'listening')
  return () => once(server.close(), 'close')
}

export async function ownDescriptor({ directory }) {
  const fd = openSync(directory)
  return () => closeSync(fd)
}
