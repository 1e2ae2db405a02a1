import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Task } from '@bgtask/client'
import { type SpawnOptions, TaskPool } from '@bgtask/pool'
import { isBgTaskError, UnsupportedError } from '@bgtask/protocol'
import { RpcPeer } from '@bgtask/protocol/rpc'
import { tempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'

/** Starts a task in a pool of its own; both are gone when the test has finished. */
export async function spawnTask(options: SpawnOptions): Promise<Task> {
  const pool = new TaskPool({ path: tempDir() })
  const task = await pool.spawn({ behavior: 'daemon', ...options })
  onTestFinished(async () => {
    await endTask(task)
  })
  return task
}

/** Another process's view of the same task: an own connection, nothing shared. */
export function secondView(task: Task): Task {
  const view = new Task(task.taskPool, task.pid)
  onTestFinished(() => view.disconnect())
  return view
}

async function endTask(task: Task): Promise<void> {
  try {
    await task.terminateSupervisor({ steps: [{ killSignal: 'KILL', waitMs: 5_000 }] })
  } catch (error) {
    if (!isBgTaskError(error, 'ERR_BGTASK_TASK_GONE')) throw error
  }
}

/** What a supervisor of somebody else's does with calls; what it does not name is unsupported. */
export type CustomMethods = Record<string, (params: never, peer: RpcPeer) => unknown>

/** A supervisor of another make, on a real socket in this process. */
export async function customTask(methods: CustomMethods, name = `${process.pid}.sock`): Promise<Task> {
  const path = join(tempDir(), name)
  const peers = new Set<RpcPeer>()
  const server = createServer((socket) => {
    const onRequest = (method: string, [params]: unknown[], peer: RpcPeer) => {
      const handle = methods[method]
      if (handle === undefined) throw new UnsupportedError(method)
      return handle(params as never, peer)
    }
    const peer = new RpcPeer(socket, { onRequest, onClose: () => peers.delete(peer) })
    peers.add(peer)
  })
  await once(server.listen(path), 'listening')
  const task = Task.at(path)
  onTestFinished(async () => {
    task.disconnect()
    for (const peer of peers) peer.close()
    await new Promise((resolve) => server.close(resolve))
    rmSync(path, { force: true })
  })
  return task
}

/** All that an async iterator gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** The next item of an iterator; fails where there is none. */
export async function nextOf<T>(items: AsyncIterator<T>): Promise<T> {
  const { value, done } = await items.next()
  if (done) throw new Error('the iterator ended')
  return value
}

export function text(data: Uint8Array): string {
  return Buffer.from(data).toString('utf8')
}
