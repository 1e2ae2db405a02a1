import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { TaskPool } from '@bgtask/pool'
import { MARK } from '../lib/session.mjs'

const require = createRequire(import.meta.url)

const KILL_SOON = [
  { killSignal: 'SIGTERM', waitMs: 1_000 },
  { killSignal: 'SIGKILL', waitMs: 2_000 },
]

const version = () => JSON.parse(readFileSync(require.resolve('@bgtask/pool/package.json'), 'utf8')).version

export const bgtask = {
  id: 'bgtask',
  title: 'bgtask',
  how: 'a `TaskPool` in the caller, default options',
  version,
  warmMeans: 'its pool has spawned before',
  open: (options) => open('native', options),
}

export const bgtaskInNode = {
  id: 'bgtask-node',
  title: 'bgtask, in Node.js',
  how: "the same with `supervisor: 'node'`",
  version,
  isOurs: true,
  warmMeans: 'a standby waits',
  open: (options) => open('node', { ...options, standby: options.isWarm ? 1 : 0 }),
}

async function open(supervisor, { directory, mark, standby = 0 }) {
  const pool = new TaskPool({ path: directory, standby, supervisor })
  pool.applySupervisorEnv({ [MARK]: mark })
  const start = async ({ name, argv, keepBytes }) => {
    const maxReadBufSize = keepBytes ?? 16 * 2 ** 20
    const task = await pool.spawn({
      exec: argv,
      env: { [MARK]: mark },
      meta: { name },
      maxReadBufSize,
      stop: KILL_SOON,
    })
    const { state } = await task.info()
    if (state !== 'running') throw new Error(`state is ${state}`)
    return task
  }
  const exitOf = async (task) =>
    (await pool.taskByPid(task.pid)) ? await task.wait() : (await pool.record(task.pid))?.info.exitStatus
  return {
    bounded: true,
    start,
    query: async () => (await pool.search({ state: 'running' })).length,
    queryEach: async () => (await pool.search((info) => info.state === 'running')).length,
    search: async (name) => (await pool.search({ meta: { name } })).length,
    stop: (task) => task.stop(),
    exitCode: async (task) => (await exitOf(task))?.exitCode,
    output: async (task) => {
      const chunks = []
      for await (const { data } of task.stdout.follow({ live: false })) chunks.push(data)
      return Buffer.concat(chunks).toString('latin1')
    },
    follow: (task, onData) => {
      const abort = new AbortController()
      const read = async () => {
        for await (const chunk of task.stdout.follow({ signal: abort.signal }))
          onData(Buffer.from(chunk.data ?? '').toString('latin1'))
      }
      read().catch(() => {})
      return () => abort.abort()
    },
    recover: async () => {},
    close: () => pool.close(),
  }
}
