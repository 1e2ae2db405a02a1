import { once } from 'node:events'
import { join } from 'node:path'
import { allPids, readEnvironment } from '@bgtask/os'
import { execa } from 'execa'
import { memoryOf, temporaryPool, untilAtRest } from '../lib/environment.mjs'
import { median, quartiles } from '../lib/pairs.mjs'

const COUNT = 20

const BARE = `require('net').createServer().listen(process.argv[1], () => process.stdout.write('x'))`

function bareNode(path) {
  return execa(process.execPath, ['-e', BARE, path], { stdio: ['ignore', 'pipe', 'inherit'], reject: false })
}

/** Pids of all that runs for a task besides its child: the supervisor, and helpers, of which there should be none. */
function supervisionOf(pool, { supervisorPid, pid }, others) {
  const path = `BGTASK_TASKPOOL_PATH=${pool.path}`
  const ours = allPids().filter((other) => other !== pid && !others.has(other) && readEnvironment(other).includes(path))
  if (!ours.includes(supervisorPid)) throw new Error(`supervisor ${supervisorPid} is not there`)
  return ours
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

export const idleMemory = {
  id: 'memory-idle',
  title: `private memory of ${COUNT} idle supervisors, each with its child, against bare Nodes that listen on a unix socket`,
  unit: '×',
  atMost: 1.15,
  run: async ({ onPair = () => {} }) => {
    const { pool, directory, dispose } = temporaryPool()
    const nodes = []
    const supervisions = []
    const known = new Set()
    try {
      for (let index = 0; index < COUNT; index += 1) {
        const startNode = async () => {
          // Not given back by an async function: it is a promise of its own end.
          const node = bareNode(join(directory, `bare${index}`))
          nodes.push(node)
          await once(node.stdout, 'data')
        }
        if (index % 2 === 0) await startNode()
        const task = await pool.spawn({ exec: ['sleep', '600'] })
        const info = await task.info()
        if (index % 2 === 1) await startNode()
        const supervision = supervisionOf(pool, info, known)
        for (const pid of [info.pid, ...supervision]) known.add(pid)
        supervisions.push(supervision)
        onPair(index + 1, COUNT)
      }
      await untilAtRest()
      const ours = supervisions.map((group) => sum(group.map((pid) => memoryOf(pid))))
      const theirs = nodes.map(({ pid }) => memoryOf(pid))
      const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`
      const helpers = supervisions.flat().length - COUNT
      return {
        value: median(ours) / median(theirs),
        spread: quartiles(ours.map((bytes, index) => bytes / theirs[index])),
        detail: `${mib(median(ours))} with ${helpers} helper processes, bare Node: ${mib(median(theirs))}`,
      }
    } finally {
      for (const node of nodes) node.kill('SIGKILL')
      await Promise.all(nodes)
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
