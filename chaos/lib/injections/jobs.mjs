import { spawn } from 'node:child_process'
import { runProcesses } from '../processes.mjs'
import { until } from '../until.mjs'

/** Starts a program that no supervisor knows. */
export function startJob([program, ...args], env) {
  return spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore', detached: true })
}

/** Without a word to the journal. */
export async function killSupervisor(task) {
  process.kill(task.pid, 'SIGKILL')
  await until(() => !runProcesses().some(({ pid }) => pid === task.pid), 10_000)
}

export async function killProcesses(key) {
  await until(() => {
    const left = runProcesses().filter((process) => process.key === key)
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    return left.length === 0
  }, 10_000)
}
