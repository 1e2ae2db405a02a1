import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { followProgram, run, versionFrom } from '../lib/run.mjs'

// Lines of 64 bytes that come to the last MiB also where tmux has just dropped a tenth of them; an exited command stays to be looked at.
const CONFIGURATION = 'set -g history-limit 20000\nset -g remain-on-exit on\nset -g exit-empty off\n'

export const tmux = {
  id: 'tmux',
  title: 'tmux',
  how: 'a server of its own (`-S`), a session for each command; read in control mode',
  version: () => versionFrom('tmux', ['-V']),
  warmMeans: 'its server runs',
  open: async ({ directory, env: { TMUX, ...env } }) => {
    const configuration = join(directory, 'tmux.conf')
    writeFileSync(configuration, CONFIGURATION)
    const socket = ['-S', join(directory, 's'), '-f', configuration]
    const call = (...args) => run('tmux', [...socket, ...args], env)
    const states = () => call('list-panes', '-a', '-F', '#{session_name} #{pane_dead} #{pane_dead_status}')
    return {
      bounded: true,
      warm: () => call('start-server'),
      start: async ({ name, argv }) => {
        const pid = await call('new-session', '-d', '-x', '120', '-P', '-F', '#{pane_pid}', '-s', name, '--', ...argv)
        return { name, pid: Number(pid) }
      },
      query: async () => (await states()).split('\n').filter((line) => line.split(' ')[1] === '0').length,
      search: async (name) => (await call('list-panes', '-t', `=${name}:`, '-F', '#{pane_pid}')).split('\n').length,
      stop: ({ name }) => call('kill-session', '-t', `=${name}`),
      exitCode: async ({ name }) => {
        const [, dead, status] =
          (await states())
            .split('\n')
            .map((line) => line.split(' '))
            .find(([found]) => found === name) ?? []
        return dead === '1' ? Number(status) : undefined
      },
      output: ({ name }) => call('capture-pane', '-p', '-S', '-', '-t', `=${name}:`),
      follow: ({ name }, onData) =>
        followProgram(
          'tmux',
          [...socket, '-C', 'attach', '-t', `=${name}`],
          (text) => onData(text.replaceAll('\\015\\012', '\n')),
          { env, stdin: 'pipe' },
        ),
      recover: async () => {},
      close: () => call('kill-server'),
    }
  },
}
