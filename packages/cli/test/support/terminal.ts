import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { eventually, pathOf } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'
import { type Cli, pathWithBgtask } from './cli.js'

/** A real terminal, run by tmux, with a shell. */
export interface Terminal {
  /** Types text, and keys by tmux's names (`Enter`, `C-c`). */
  type(...keys: string[]): void
  resize(columns: number, rows: number): void
  /** The visible text; with `-e` including colour codes. */
  screen(...options: string[]): string
  /** Waits until the screen matches. */
  shows(pattern: RegExp | string): Promise<string>
}

/** Requires `needs('tmux')`. The shell finds `bgtask`, and has a short prompt if it takes PS1 from its environment. */
export function terminal(user: Cli, shell = ['sh']): Terminal {
  const { directory, env } = user
  const PATH = pathWithBgtask(user)
  // A separate server, so that the user's own sessions are not affected.
  const tmux = (...args: string[]) =>
    execFileSync(pathOf('tmux'), ['-S', join(directory, 't'), '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      cwd: directory,
      env: { ...process.env, ...env, PATH, HOME: directory, TERM: 'xterm-256color', PS1: '$ ', ENV: '', TMUX: '' },
    })
  tmux('new-session', '-d', '-x', '100', '-y', '20', ...shell)
  onTestFinished(() => void tmux('kill-server'))
  const screen = (...options: string[]) => tmux('capture-pane', '-p', ...options)
  const shows = (pattern: RegExp | string) =>
    eventually(() => (screen().match(pattern) ? screen() : undefined), {
      deadlineMs: 20_000,
      what: `the screen shows ${pattern}`,
    }).catch((error) => {
      throw new Error(`${error.message}\n${screen()}`)
    })
  return {
    type: (...keys) => void tmux('send-keys', ...keys),
    resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    screen,
    shows,
  }
}
