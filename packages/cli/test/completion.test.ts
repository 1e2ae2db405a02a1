import { execFileSync } from 'node:child_process'
import { type NeedName, needs } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { type Cli, cli, pathWithBgtask } from './support/cli.js'
import { terminal } from './support/terminal.js'

describe('completion', () => {
  test('bash completes commands, options and current ids', async () => {
    const user = cli()
    const id = await user.run('-n', 'web', 'sleep', '60')
    const script = String((await user.bgtask(['completion', 'bash'])).stdout)
    expect(completeInBash(user, script, ['re'])).toEqual(['resume', 'restart'])
    expect(completeInBash(user, script, ['logs', '--un'])).toEqual(['--until'])
    expect(completeInBash(user, script, ['run', '--behavior', 'd'])).toEqual(['daemon'])
    expect(completeInBash(user, script, ['web', '--tok'])).toEqual(['--token-file'])
    // bash itself completes file names.
    expect(completeInBash(user, script, ['web', '--token-file', ''])).toEqual([])
    expect(completeInBash(user, script, ['kill', '--signal', 'SIGUSR'])).toEqual(['SIGUSR1', 'SIGUSR2'])
    expect(completeInBash(user, script, ['logs', '-f', ''])).toEqual(['web', id, '@last'])
    expect(completeInBash(user, script, ['run', '--', 'x'])).toEqual([])
  })

  // Otherwise another user of the pool could have a name run as a command by Tab and Enter.
  test('bash completion quotes a name that bash would expand', async () => {
    const user = cli()
    await user.run('-n', 'a$(id) *', 'sleep', '60')
    const script = String((await user.bgtask(['completion', 'bash'])).stdout)
    expect(completeInBash(user, script, ['logs', 'a'])).toEqual(['a\\$\\(id\\)\\ \\*'])
  })

  const shells: { name: NeedName | 'bash'; shell: string[]; prepare: string }[] = [
    { name: 'bash', shell: ['bash', '--norc'], prepare: 'source <(bgtask completion bash)' },
    {
      name: 'zsh',
      shell: ['zsh', '-f'],
      prepare: 'autoload -Uz compinit; compinit -u -D; source <(bgtask completion zsh)',
    },
    { name: 'fish', shell: ['fish', '--no-config'], prepare: 'bgtask completion fish | source' },
  ]
  for (const { name, shell, prepare } of shells) {
    test.runIf(needs('tmux', ...(name === 'bash' ? [] : [name])))(`Tab in ${name} completes an id`, async () => {
      const user = cli()
      await user.run('-n', 'server-of-mine', 'sleep', '60')
      const { type, shows } = terminal(user, shell)
      type(`${prepare}; clear; echo prepa''red`, 'Enter')
      await shows('prepared')
      type('bgtask pause serv', 'Tab')
      await shows('bgtask pause server-of-mine')
      type('Enter')
      await shows(/^\d+$/m)
      expect((await user.bgtask(['ls'])).stdout).toContain('paused')
    })
  }

  test('completion for an unknown shell is a usage error', async () => {
    expect(await cli().bgtask(['completion', 'tcsh'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('fish'),
    })
  })
})

/** The candidates that bash would offer for the last word. */
function completeInBash(user: Cli, script: string, words: readonly string[]): string[] {
  const line = `${script}\nCOMP_WORDS=(bgtask "$@"); COMP_CWORD=$#; _bgtask; printf '%s\\n' "\${COMPREPLY[@]}"`
  const options = { env: { ...process.env, ...user.env, PATH: pathWithBgtask(user) }, encoding: 'utf8' } as const
  return execFileSync('bash', ['-c', line, 'bash', ...words], options)
    .split('\n')
    .filter(Boolean)
}
