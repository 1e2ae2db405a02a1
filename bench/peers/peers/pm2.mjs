import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { MARK } from '../lib/session.mjs'

const require = createRequire(import.meta.url)
const manifest = new URL('../node_modules/pm2/package.json', import.meta.url)

export const pm2 = {
  id: 'pm2',
  title: 'pm2',
  how: 'its API in the caller, with a `PM2_HOME` and so a daemon of its own; read by its bus',
  version: () => (existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined),
  warmMeans: 'its daemon runs',
  open: async ({ directory, mark }) => {
    const { custom: Pm2 } = require('pm2')
    const client = new Pm2({ pm2_home: join(directory, 'home') })
    const call = (method, ...args) =>
      new Promise((resolve, reject) =>
        client[method](...args, (error, value) => (error ? reject(asError(error)) : resolve(value))),
      )
    let connected = false
    const connect = async () => {
      if (connected) return
      // Its daemon takes the environment of the first client.
      process.env[MARK] = mark
      process.env.PM2_PROGRAMMATIC = 'true'
      try {
        await call('connect')
        connected = true
      } finally {
        delete process.env[MARK]
      }
    }
    const logOf = (name) => join(directory, `${name}.log`)
    const appFor = ({ name, argv: [script, ...args] }) => ({
      name,
      script: programPath(script),
      args,
      interpreter: 'none',
      autorestart: false,
      vizion: false,
      pmx: false,
      merge_logs: true,
      out_file: logOf(name),
      error_file: logOf(name),
      kill_timeout: 1_000,
      env: { [MARK]: mark },
    })
    const describe = async ({ name }) => (await call('describe', name))[0]
    const startMany = async (commands) => {
      await connect()
      await call('start', commands.map(appFor))
      if (commands.length > 1) return commands
      const { pm2_env } = await describe(commands[0])
      if (pm2_env.status === 'errored') throw new Error('pm2 could not start it')
      return commands
    }
    return {
      warm: connect,
      start: async (command) => (await startMany([command]))[0],
      startMany,
      query: async () => (await call('list')).filter(({ pm2_env }) => pm2_env.status === 'online').length,
      search: async (name) => (await call('describe', name)).length,
      stop: ({ name }) => call('stop', name),
      exitCode: async (task) => {
        const found = await describe(task)
        return found?.pm2_env.status === 'stopped' ? found.pm2_env.exit_code : undefined
      },
      output: async ({ name }) => readFileSync(logOf(name), 'latin1'),
      follow: ({ name }, onData) => {
        let bus
        client.launchBus((_error, opened) => {
          bus = opened
          bus.on('log:out', (packet) => packet.process.name === name && onData(`${packet.data.trimEnd()}\n`))
        })
        return () => bus?.off?.('log:out')
      },
      recover: async () => {
        // Awaited: until it has closed, it may drop the next connection, and crash by the uncaught error.
        await new Promise((resolve) => client.Client.close(resolve))
        connected = false
        await connect()
      },
      close: async () => {
        if (!connected) return
        await call('killDaemon')
        await call('disconnect')
      },
    }
  },
}

const asError = (error) =>
  Array.isArray(error) ? asError(error[0]) : error instanceof Error ? error : new Error(String(error?.msg ?? error))

function programPath(name) {
  if (name.includes('/')) return name
  return process.env.PATH.split(':')
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
}
