import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '../../lib/processes.mjs'
import { debianVersion, followProgram, run } from '../lib/run.mjs'
import { lookUntil, until } from '../lib/until.mjs'

export const taskSpooler = {
  id: 'task-spooler',
  title: 'task-spooler',
  how: 'a server of its own (`TS_SOCKET`), 1,000 slots; read by `tsp -t`',
  version: () => (existsSync('/usr/bin/tsp') ? debianVersion('task-spooler') : undefined),
  warmMeans: 'its server runs',
  open: async ({ directory, env: inherited }) => {
    const env = {
      ...inherited,
      TS_SOCKET: join(directory, 's'),
      TS_SLOTS: '1000',
      TS_MAXCONN: '2000',
      TMPDIR: directory,
    }
    const call = (...args) => run('tsp', args, env)
    return {
      warm: () => call('-S'),
      start: async ({ name, argv }) => {
        const id = await call('-L', name, ...argv)
        const pid = await until(() => call('-p', id).then(Number, () => 0), `pid of ${name}`)
        return { id, name, pid, file: await call('-o', id) }
      },
      query: async () => (await call('-l')).match(/ running /g)?.length ?? 0,
      search: async (name) => (await call('-l')).split('\n').filter((line) => line.includes(`[${name}]`)).length,
      // It sends TERM to the group and says nothing of the end.
      stop: async ({ id, pid }) => {
        await call('-k', id)
        await lookUntil(() => !isAlive(pid), 5_000)
      },
      exitCode: async ({ id }) => {
        const code = /Exit status: died with exit code (\d+)/.exec(await call('-i', id))?.[1]
        return code === undefined ? undefined : Number(code)
      },
      output: async ({ file }) => readFileSync(file, 'latin1'),
      follow: ({ id }, onData) => followProgram('tsp', ['-t', id], onData, { env }),
      recover: async () => {},
      close: () => call('-K'),
    }
  },
}
