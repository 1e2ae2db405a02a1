import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { followProgram } from '../lib/run.mjs'

const caller = new URL('../fixtures/caller.mjs', import.meta.url)

/** `child_process.spawn`, detached, to a log file. What manages it is the program that called it, if anything. */
export const plainSpawn = {
  id: 'spawn',
  title: 'plain spawn',
  how: '`child_process.spawn`, `detached`, stdout and stderr to a file: the floor for anything in Node. Its manager is the caller',
  version: () => process.version,
  open: async ({ directory, env, separateCaller = false }) => {
    const logOf = (name) => join(directory, `${name}.log`)
    return {
      start: async ({ name, argv }) => {
        if (!separateCaller) return { name, child: await spawnDetached(argv, logOf(name), env) }
        const process_ = fork(caller, [logOf(name), ...argv], { env })
        await once(process_, 'message')
        return { name }
      },
      stop: async ({ child }) => {
        const exit = once(child, 'exit')
        process.kill(-child.pid, 'SIGTERM')
        await exit
      },
      output: async ({ name }) => readFileSync(logOf(name), 'latin1'),
      follow: ({ name }, onData) => followProgram('tail', ['-f', logOf(name)], onData),
      recover: async () => {},
    }
  },
}

/** @returns the child, once the program runs. */
async function spawnDetached([program, ...args], log, env) {
  const fd = openSync(log, 'a')
  const child = spawn(program, args, { detached: true, stdio: ['ignore', fd, fd], env })
  closeSync(fd)
  await once(child, 'spawn')
  child.unref()
  return child
}
