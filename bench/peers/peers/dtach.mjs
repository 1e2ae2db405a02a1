import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { followProgram, run, versionFrom } from '../lib/run.mjs'
import { until } from '../lib/until.mjs'

export const dtach = {
  id: 'dtach',
  title: 'dtach',
  how: '`dtach -n`; read by `dtach -a` on a terminal that `script` makes',
  version: () => versionFrom('dtach', ['--version']),
  warmMeans: 'nothing, it starts as ever',
  open: async ({ directory, env }) => {
    const socketOf = (name) => join(directory, `${name}.s`)
    return {
      start: async ({ name, argv }) => {
        await run('dtach', ['-n', socketOf(name), '-z', ...argv], env)
        await until(() => canConnect(socketOf(name)), `socket of ${name}`)
        return { name }
      },
      // It insists on a terminal, which `script` makes.
      follow: ({ name }, onData) =>
        followProgram('script', ['-qfc', `dtach -a '${socketOf(name)}' -r none -E -z`, '/dev/null'], onData, {
          env,
          stdin: 'pipe',
        }),
      recover: async () => {},
    }
  },
}

async function canConnect(path) {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
