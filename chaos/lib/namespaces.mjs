import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { RUN_VARIABLE } from './processes.mjs'

const PROGRAM = fileURLToPath(new URL('../programs/side.mjs', import.meta.url))

/** A shell is process 1, since Node would leave the dead of a namespace as zombies, and their pids taken. */
const INIT = '"$@" & wait $!'

/**
 * Runs each side in a pid namespace of its own, all of them in one directory.
 *
 * @returns their results, by side.
 */
export async function runInNamespaces(directory, { mode, onProgress, signal, ...options }) {
  const waiting = new Set()
  // What starts a side is not of the run.
  const { [RUN_VARIABLE]: run, ...env } = process.env
  const sides = mode.sides.map((side) => {
    const plan = JSON.stringify({
      ...options,
      run,
      directory,
      side,
      mode: mode.id,
      seed: options.seed + side.charCodeAt(0),
    })
    const argv = ['-pf', '--mount-proc', '/bin/sh', '-c', INIT, 'sh', process.execPath, PROGRAM, plan]
    const child = spawn('unshare', argv, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    return { side, child }
  })
  const abort = () => {
    for (const { child } of sides) if (child.connected) child.send({ abort: true })
  }
  signal.addEventListener('abort', abort)
  const meet = (side) => {
    waiting.add(side)
    if (waiting.size < sides.length) return
    waiting.clear()
    for (const { child } of sides) child.send({ met: true })
  }
  try {
    const results = sides.map(async ({ side, child }) => {
      let result
      child.on('message', (message) => {
        if (message.meet) meet(side)
        if (message.progress) onProgress(`side ${side}: ${message.progress}`)
        if (message.result) result = message.result
      })
      const [code] = await once(child, 'exit')
      if (result === undefined) throw new Error(`side ${side} ended with ${code}, and without a result`)
      return [side, result]
    })
    return Object.fromEntries(await Promise.all(results))
  } finally {
    // A side that is left alone ends itself, and with its process 1 goes all of its namespace.
    for (const { child } of sides) if (child.connected) child.disconnect()
    signal.removeEventListener('abort', abort)
  }
}
