import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchSpecSchema, socketFileName, validate } from '@bgtask/protocol'
import { connectSocket, decode, encode, RpcPeer } from '@bgtask/protocol/rpc'
import { type MakeOptions, makeTask } from './make-task.js'
import { trySpec } from './try-spec.js'

/** More rounds gain nothing that could be measured. */
const ROUNDS = 6

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const

/**
 * Runs what a launch and its first calls run, with a child that ends at once and in a directory that goes again: code that
 * Node has compiled is faster when the spec comes. Nothing is held or left, and what goes wrong does not matter.
 */
export async function warmUp(options: MakeOptions): Promise<void> {
  let directory: string | undefined
  const remove = () => {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }
  // The pool may let its standbys go at any moment.
  const leave = () => {
    remove()
    process.exit()
  }
  for (const signal of SIGNALS) process.on(signal, leave)
  try {
    directory = mkdtempSync(join(tmpdir(), 'bgtask-'))
    for (let round = 0; round < ROUNDS; round += 1) await tryOut(directory, options)
  } catch {
    // Then the first launch is as slow as any.
  }
  remove()
  for (const signal of SIGNALS) process.removeListener(signal, leave)
}

async function tryOut(directory: string, options: MakeOptions): Promise<void> {
  const { value } = validate(launchSpecSchema, decode(encode(trySpec(directory, ['/bin/sh', '-c', ':']))))
  if (value === undefined) return
  const task = await makeTask(value, undefined, options, () => {})
  try {
    const peer = new RpcPeer(await connectSocket(join(directory, socketFileName(process.pid))))
    await Promise.all([peer.call('getInfo'), peer.call('subscribe')])
    await peer.call('waitExit', [{ waitMs: 1_000 }])
    peer.close()
  } finally {
    await task.terminate()
    task.logFile?.close()
    task.directory.close()
    await closed()
  }
}

/** Node closes sockets in the turns that follow, and there is none once the spec is waited for. */
async function closed(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve))
}
