import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Cli, cli, program } from './support/cli.js'

describe('completion', () => {
  test('bash completes commands, options and the ids of now', async () => {
    const user = cli()
    const id = await user.run('-n', 'web', 'sleep', '60')
    const script = String((await user.bgtask(['completion', 'bash'])).stdout)
    expect(completeInBash(user, script, ['re'])).toEqual(['resume', 'restart'])
    expect(completeInBash(user, script, ['logs', '--un'])).toEqual(['--until'])
    expect(completeInBash(user, script, ['run', '--behavior', 'd'])).toEqual(['daemon'])
    expect(completeInBash(user, script, ['kill', '--signal', 'SIGUSR'])).toEqual(['SIGUSR1', 'SIGUSR2'])
    expect(completeInBash(user, script, ['logs', '-f', ''])).toEqual(['web', id, '@last'])
    expect(completeInBash(user, script, ['run', '--', 'x'])).toEqual([])
  })

  test.for(['zsh', 'fish'])('there is a script for %s too', async (shell) => {
    const { stdout } = await cli().bgtask(['completion', shell])
    expect(stdout).toContain('bgtask __complete')
  })

  test('an unknown shell is a mistake', async () => {
    expect(await cli().bgtask(['completion', 'tcsh'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('fish'),
    })
  })
})

/** What bash would offer for the last word. */
function completeInBash({ directory, env }: Cli, script: string, words: readonly string[]): string[] {
  writeFileSync(join(directory, 'bgtask'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
  const line = `${script}\nCOMP_WORDS=(bgtask "$@"); COMP_CWORD=$#; _bgtask; printf '%s\\n' "\${COMPREPLY[@]}"`
  const path = [directory, process.env.PATH].join(delimiter)
  const options = { env: { ...process.env, ...env, PATH: path }, encoding: 'utf8' } as const
  return execFileSync('bash', ['-c', line, 'bash', ...words], options)
    .split('\n')
    .filter(Boolean)
}
