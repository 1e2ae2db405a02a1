import { fork } from 'node:child_process'
import { once } from 'node:events'
import { temporaryPool } from '../lib/environment.mjs'
import { median, quartiles } from '../lib/pairs.mjs'

const LINES = 300

const follower = new URL('../lib/follower.mjs', import.meta.url)

/** A child that writes the time of the write, by the clock that all processes share. */
const CHILD = `
let left = ${LINES}
const timer = setInterval(() => {
  process.stdout.write(process.hrtime.bigint() + '\\n')
  if (--left === 0) clearInterval(timer)
}, 5)`

export const writeToFollower = {
  id: 'latency',
  title: "from the child's write to a follower in another process, median",
  unit: 'ms',
  atMost: 1,
  run: async ({ supervisor }) => {
    const { pool, dispose } = temporaryPool({ supervisor })
    try {
      const task = await pool.spawn({
        cmd: 'read _; exec "$NODE" -e "$CODE"',
        env: { NODE: process.execPath, CODE: CHILD },
      })
      const process_ = fork(follower, [pool.path, String(task.pid)])
      await once(process_, 'message')
      await task.stdin.write('\n')
      const [delays] = await once(process_, 'message')
      if (delays.length !== LINES) throw new Error(`saw ${delays.length} lines`)
      return { value: median(delays), spread: quartiles(delays) }
    } finally {
      await dispose()
    }
  },
}
