import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { versionFrom } from '../lib/run.mjs'
import { until } from '../lib/until.mjs'

const exec = promisify(execFile)

export const supervisord = {
  id: 'supervisord',
  title: 'supervisord',
  how: 'XML-RPC over its unix socket, a program section for each command; read by `/logtail`',
  version: () => versionFrom('supervisord', ['--version']),
  warmMeans: 'it runs',
  open: async ({ directory, env }) => {
    const socketPath = join(directory, 's.sock')
    const call = (method, ...args) => callXmlRpc(socketPath, method, args)
    const logOf = (name) => join(directory, `${name}.log`)
    writeFileSync(join(directory, 'supervisord.conf'), configuration(directory))
    mkdirSync(join(directory, 'conf'))

    let running = false
    const warm = async () => {
      if (running) return
      await exec('supervisord', ['-c', join(directory, 'supervisord.conf')], { env })
      await until(() => call('getState').catch(() => false), 'start of supervisord')
      running = true
    }
    const declare = ({ name, argv }) =>
      writeFileSync(join(directory, 'conf', `${name}.conf`), program(name, argv, logOf(name)))
    const isRunning = async ({ name }) => /RUNNING|EXITED/.test(await call('getProcessInfo', name))
    const startMany = async (commands) => {
      for (const command of commands) declare(command)
      if (running) {
        await call('reloadConfig')
        for (const { name } of commands) await call('addProcessGroup', name)
      } else await warm()
      for (const command of commands) await until(() => isRunning(command), `start of ${command.name}`)
      return commands
    }
    return {
      bounded: true,
      warm,
      start: async (command) => (await startMany([command]))[0],
      startMany,
      query: async () => (await call('getAllProcessInfo')).match(/>RUNNING</g)?.length ?? 0,
      search: async (name) => (await call('getProcessInfo', name)).match(/>RUNNING</g)?.length ?? 0,
      stop: ({ name }) => call('stopProcess', name, true),
      exitCode: async ({ name }) => {
        const text = await call('getProcessInfo', name)
        if (!text.includes('>EXITED<')) return undefined
        return Number(/exitstatus<\/name>\s*<value><int>(\d+)/.exec(text)[1])
      },
      output: async ({ name }) =>
        [`${logOf(name)}.1`, logOf(name)]
          .filter(existsSync)
          .map((file) => readFileSync(file, 'latin1'))
          .join(''),
      follow: ({ name }, onData) => {
        const tail = request({ socketPath, path: `/logtail/${name}` }, (reply) =>
          reply.setEncoding('latin1').on('data', onData),
        )
        tail.on('error', () => {}).end()
        return () => tail.destroy()
      },
      recover: async () => {
        running = false
        await warm()
      },
      close: async () => {
        if (running) await call('shutdown')
      },
    }
  },
}

const configuration = (directory) => `[unix_http_server]
file=${directory}/s.sock
[supervisord]
logfile=${directory}/supervisord.log
pidfile=${directory}/supervisord.pid
childlogdir=${directory}
minfds=4096
user=${process.getuid() === 0 ? 'root' : process.getuid()}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = ${directory}/conf/*.conf
`

const program = (name, argv, log) => `[program:${name}]
command=${argv.map((part) => `"${part.replaceAll('%', '%%')}"`).join(' ')}
startsecs=0
autorestart=false
stopwaitsecs=1
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=${log}
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
`

/** @returns the reply's text; all that is asked of it can be found by a pattern. */
function callXmlRpc(socketPath, method, args) {
  const values = args.map((arg) => (arg === true ? '<boolean>1</boolean>' : `<string>${arg}</string>`))
  const params = values.map((value) => `<param><value>${value}</value></param>`).join('')
  const body = `<?xml version="1.0"?><methodCall><methodName>supervisor.${method}</methodName><params>${params}</params></methodCall>`
  const headers = { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const post = request({ socketPath, path: '/RPC2', method: 'POST', headers }, (reply) => {
      let text = ''
      reply.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      reply.on('end', () =>
        text.includes('<fault>') ? reject(new Error(/<string>(.*?)<\/string>/s.exec(text)?.[1])) : resolve(text),
      )
    })
    post.on('error', reject).end(body)
  })
}
