import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianVersion, followProgram, run } from '../lib/run.mjs'
import { until } from '../lib/until.mjs'

/** One runsv for each command, with svlogd behind it: the last MiB in two files. */
export const runsv = {
  id: 'runsv',
  title: "runit's runsv",
  version: () => (existsSync('/usr/bin/runsv') ? debianVersion('runit') : undefined),
  open: async ({ directory, env }) => {
    const pathOf = (name) => join(directory, name)
    const start = async ({ name, argv }) => {
      makeService(pathOf(name), argv)
      spawn('runsv', [pathOf(name)], { detached: true, stdio: 'ignore', env }).unref()
      await until(() => existsSync(join(pathOf(name), 'supervise/ok')), `start of runsv for ${name}`)
      await run('sv', ['once', pathOf(name)])
      return { name }
    }
    return {
      bounded: true,
      start,
      query: async () => {
        const paths = readdirSync(directory).map(pathOf)
        return (await run('sv', ['status', ...paths])).split('\n').filter((line) => line.startsWith('run:')).length
      },
      search: async (name) => (await run('sv', ['status', pathOf(name)])).split('\n').length,
      stop: ({ name }) => run('sv', ['-w', '5', 'stop', pathOf(name)]),
      exitCode: async ({ name }) => {
        const file = join(pathOf(name), 'exit')
        return existsSync(file) ? Number(readFileSync(file, 'latin1')) : undefined
      },
      output: async ({ name }) => {
        const log = join(pathOf(name), 'log/main')
        const older = readdirSync(log)
          .filter((file) => file.startsWith('@'))
          .sort()
        return [...older, 'current'].map((file) => readFileSync(join(log, file), 'latin1')).join('')
      },
      follow: ({ name }, onData) => followProgram('tail', ['-F', join(pathOf(name), 'log/main/current')], onData),
      recover: async () => {},
      // The loggers end when their services do.
      close: async () => {
        const paths = readdirSync(directory).map(pathOf)
        await run('sv', ['-w', '2', 'force-shutdown', ...paths])
      },
    }
  },
}

function makeService(path, argv) {
  mkdirSync(join(path, 'log/main'), { recursive: true })
  const script = (file, text) => writeFileSync(join(path, file), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  const command = argv.map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(' ')
  // Started by `sv once`, so that a command that ended stays down, as with the others.
  writeFileSync(join(path, 'down'), '')
  script('run', `exec ${command} 2>&1`)
  script('finish', `echo "$1" >exit.tmp && mv exit.tmp exit`)
  script('log/run', 'exec svlogd ./main')
  writeFileSync(join(path, 'log/main/config'), 's1048576\nn2\n')
}
