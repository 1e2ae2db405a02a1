import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { memoryOf, temporaryPool } from '../lib/environment.mjs'

const COUNT = 20

const BARE = `require('net').createServer().listen(process.argv[1], () => process.stdout.write('x'))`

/** Everything a task needs besides its child: the supervisor, and whatever hangs below it. */
async function supervisors(pool) {
  const tasks = []
  for (let index = 0; index < COUNT; index += 1) tasks.push(await pool.spawn({ exec: ['sleep', '600'] }))
  return tasks.map(({ pid }) => pid)
}

async function bareNodes(directory) {
  const nodes = []
  for (let index = 0; index < COUNT; index += 1) {
    const node = spawn(process.execPath, ['-e', BARE, join(directory, `bare${index}`)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(node.stdout, 'data')
    nodes.push(node)
  }
  return nodes
}

const average = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length

export const idleMemory = {
  id: 'memory-idle',
  title: `private memory of ${COUNT} idle supervisors, each with its child, against bare Nodes that listen on a unix socket`,
  unit: '×',
  atMost: 1.15,
  run: async () => {
    const { pool, directory, dispose } = temporaryPool()
    const nodes = await bareNodes(directory)
    try {
      const pids = await supervisors(pool)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      const ours = average(pids.map((pid) => memoryOf(pid)))
      const theirs = average(nodes.map(({ pid }) => memoryOf(pid)))
      return {
        value: ours / theirs,
        detail: `${(ours / 2 ** 20).toFixed(2)} MiB, bare Node: ${(theirs / 2 ** 20).toFixed(2)} MiB`,
      }
    } finally {
      for (const node of nodes) node.kill('SIGKILL')
      await dispose()
    }
  },
}

export const floodMemory = {
  id: 'memory-flood',
  title: 'growth of private memory under a flood of 2 GiB, beyond the 1 MiB buffer in use',
  unit: 'MB',
  atMost: 15,
  run: async () => {
    const { pool, dispose } = temporaryPool()
    try {
      const task = await pool.spawn({ cmd: 'read _; head -c 2G /dev/zero', maxReadBufSize: 2 ** 20 })
      const before = memoryOf(task.pid)
      await task.stdin.write('\n')
      let most = 0
      const timer = setInterval(() => {
        most = Math.max(most, memoryOf(task.pid))
      }, 50)
      await task.wait()
      clearInterval(timer)
      most = Math.max(most, memoryOf(task.pid))
      const value = (most - before - 2 ** 20) / 1e6
      return { value, detail: `${(before / 1e6).toFixed(1)} MB before, ${(most / 1e6).toFixed(1)} MB at most` }
    } finally {
      await dispose()
    }
  },
}
