import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianVersion, followProgram, run } from '../lib/run.mjs'
import { until } from '../lib/until.mjs'

/** One runsv for each command, with svlogd behind it: at least the last MiB in a few files. */
export const runsv = {
  id: 'runsv',
  title: "runit's runsv",
  how: 'a service directory for each command, started by `sv once`, with svlogd behind it',
  version: () => (existsSync('/usr/bin/runsv') ? debianVersion('runit') : undefined),
  warmMeans: 'a runsv waits whose service is down',
  open: async ({ directory, env, standby = 0 }) => {
    const services = new Map()
    const waiting = []
    let made = 0
    const openService = async () => {
      const path = join(directory, String(made++))
      makeService(path)
      spawn('runsv', [path], { detached: true, stdio: 'ignore', env }).unref()
      await until(() => existsSync(join(path, 'supervise/ok')), 'start of runsv')
      return path
    }
    const warm = async () => {
      while (waiting.length < standby) waiting.push(await openService())
    }
    return {
      bounded: true,
      warm,
      start: async ({ name, argv }) => {
        const path = waiting.pop() ?? (await openService())
        services.set(name, path)
        writeScript(join(path, 'run'), `exec ${argv.map(quote).join(' ')} 2>&1`)
        // A runsv that has just made its fifo does not read it yet.
        await until(() => succeeds(run('sv', ['once', path])), `sv once for ${name}`)
        await until(() => readFileSync(join(path, 'supervise/stat'), 'latin1').startsWith('run'), `start of ${name}`)
        warm().catch(() => {})
        return { path }
      },
      query: async () =>
        (await run('sv', ['status', ...services.values()])).split('\n').filter((line) => line.startsWith('run:'))
          .length,
      search: async (name) => (await run('sv', ['status', services.get(name)])).split('\n').length,
      stop: ({ path }) => run('sv', ['-w', '5', 'stop', path]),
      exitCode: async ({ path }) => {
        const file = join(path, 'exit')
        return existsSync(file) ? Number(readFileSync(file, 'latin1')) : undefined
      },
      output: async ({ path }) => {
        const log = join(path, 'log/main')
        const older = readdirSync(log)
          .filter((file) => file.startsWith('@'))
          .sort()
        return [...older, 'current'].map((file) => readFileSync(join(log, file), 'latin1')).join('')
      },
      follow: ({ path }, onData) => followProgram('tail', ['-F', join(path, 'log/main/current')], onData),
      recover: async () => {},
      // The loggers end when their services do.
      close: async () => {
        await run('sv', ['-w', '2', 'force-shutdown', ...readdirSync(directory).map((name) => join(directory, name))])
      },
    }
  },
}

function makeService(path) {
  mkdirSync(join(path, 'log/main'), { recursive: true })
  // Started by `sv once`, so that a command that ended stays down, as with the others.
  writeFileSync(join(path, 'down'), '')
  writeScript(join(path, 'finish'), 'echo "$1" >exit.tmp && mv exit.tmp exit')
  writeScript(join(path, 'log/run'), 'exec svlogd ./main')
  writeFileSync(join(path, 'log/main/config'), 's1048576\nn2\n')
}

const succeeds = (work) =>
  work.then(
    () => true,
    () => false,
  )

const writeScript = (path, text) => writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`
