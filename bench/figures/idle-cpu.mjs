import { readFileSync } from 'node:fs'
import { temporaryPool, untilAtRest } from '../lib/environment.mjs'

const SUPERVISORS = 24

/** Time on a CPU in ms, of all threads. */
const cpuMs = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6

export const idleCpu = {
  id: 'cpu-idle',
  title: `CPU time of the busiest of ${SUPERVISORS} idle supervisors over 60 s`,
  unit: 'ms',
  atMost: 0,
  run: async ({ supervisor, quick }) => {
    const seconds = quick ? 10 : 60
    const { pool, dispose } = temporaryPool({ supervisor })
    try {
      const pids = []
      for (let index = 0; index < SUPERVISORS; index += 1) pids.push((await pool.spawn({ exec: ['sleep', '600'] })).pid)
      await untilAtRest()
      const before = pids.map(cpuMs)
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
      const used = pids.map((pid, index) => ((cpuMs(pid) - before[index]) * 60) / seconds)
      return { value: Math.max(...used), detail: quick ? 'measured over 10 s, times 6' : undefined }
    } finally {
      await dispose()
    }
  },
}
