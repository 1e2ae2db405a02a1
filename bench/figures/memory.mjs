import { memoryOf, temporaryPool, untilAtRest } from '../lib/environment.mjs'
import { quartiles } from '../lib/pairs.mjs'

const AT_ONCE = 10

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

const idleMemory = (count) => ({
  id: `memory-${count}`,
  title: `proportional memory (PSS) of a supervisor, ${count} of them idle, each with its child`,
  unit: 'KiB',
  atMost: 64,
  run: async ({ supervisor }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
    try {
      const pids = []
      for (let index = 0; index < count; index += AT_ONCE) {
        const some = Array.from({ length: AT_ONCE }, () => pool.spawn({ exec: ['sleep', '600'] }))
        for (const task of await Promise.all(some)) {
          pids.push(task.pid)
          // A supervisor without connections.
          task.disconnect()
        }
      }
      await untilAtRest()
      const kibibytes = (kind) => pids.map((pid) => memoryOf(pid, kind) / 1024)
      const [shared, own] = [kibibytes('Pss'), kibibytes('Private')]
      const detail = `private: ${(sum(own) / count).toFixed(1)} KiB`
      return { value: sum(shared) / count, spread: quartiles(shared), detail }
    } finally {
      await dispose()
    }
  },
})

export const memoryOf20 = idleMemory(20)

export const memoryOf100 = idleMemory(100)

export const floodMemory = {
  id: 'memory-flood',
  title: 'growth of private memory under a flood of 2 GiB, beyond the 1 MiB buffer in use',
  unit: 'MB',
  atMost: 15,
  run: async ({ supervisor }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
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
