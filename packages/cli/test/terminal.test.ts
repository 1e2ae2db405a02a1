import { needs } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { cli } from './support/cli.js'
import { terminal } from './support/terminal.js'

describe.runIf(needs('tmux'))('in a terminal', () => {
  test('attach replays output and sends lines; Ctrl-C detaches and the task keeps running', async () => {
    const user = cli()
    const id = await user.run(
      '-n',
      'echo',
      '--',
      'sh',
      '-c',
      'echo hello; while read line; do echo "got $line"; done; echo over',
    )
    const { type, shows } = terminal(user)
    type('bgtask attach echo; echo code $?', 'Enter')
    await shows('hello')
    type('some words', 'Enter')
    await shows('got some words')
    type('C-c')
    await shows(new RegExp(`detached; task ${id} is still running`))
    await shows('code 0')
    expect((await user.bgtask(['ls', '-q'])).stdout).toBe(id)
    type("clear; echo ba''ck; bgtask attach -n 1 echo; echo code $?", 'Enter')
    await shows(/^back\s+got some words/m)
    // Ctrl-D closes stdin, which ends this task.
    type('C-d')
    await shows(/over\s+code 0/)
  })

  test('attach --raw sends keys as they are typed, and restores the terminal', async () => {
    const user = cli()
    await user.run('-n', 'keys', '--', 'sh', '-c', 'echo ready; exec od -An -c -N 2')
    const { type, shows } = terminal(user)
    type('bgtask attach --raw keys; stty -a | grep -o " icanon"; echo code $?', 'Enter')
    await shows('ready')
    type('q', 'x')
    await shows(/q +x/)
    await shows(/icanon\s+code 0/)
  })

  test('Ctrl-C detaches run --attach, and ends only the wait of run --wait', async () => {
    const user = cli()
    const { type, shows } = terminal(user)
    type('bgtask run --attach -- sh -c "echo up; sleep 60"', 'Enter')
    await shows(/^up/m)
    type('C-c')
    await shows('detached')
    type('clear; bgtask run --wait -- sleep 60; echo code $?', 'Enter')
    await shows(/^\d+$/m)
    type('C-c')
    await shows(/is still running\s+code 130/)
    expect(String((await user.bgtask(['ls', '-q'])).stdout).split('\n')).toHaveLength(2)
  })

  test('run --behavior foreground stops the task on Ctrl-C, and exits with 130', async () => {
    const user = cli()
    const { type, shows } = terminal(user)
    const script = "trap 'echo bye; exit 0' TERM; echo up; sleep 60 & wait"
    type(`bgtask run --behavior foreground -- sh -c "${script}"; echo code $?`, 'Enter')
    await shows(/^up/m)
    type('C-c')
    await shows(/bye\s+code 130/)
    expect((await user.bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('top shows usage and progress, fits the window, and restores the screen', async () => {
    const user = cli()
    await user.run(
      '-n',
      'busy',
      '-m',
      'progress.done=1',
      '-m',
      'progress.total=2',
      '--',
      'sh',
      '-c',
      'while :; do :; done',
    )
    await user.run('-n', 'idle', 'sh', '-c', 'sleep 60', 'x'.repeat(200))
    const { type, shows, resize, screen } = terminal(user)
    type('echo before; bgtask top -d 200ms; echo code $?', 'Enter')
    await shows(/busy +running +[1-9]\d* +\d\S+ +0B +█████░░░░░ 50% +sh -c/)
    await shows(/idle +running +0 +.*'sleep 60' x+…$/m)
    expect(screen()).not.toContain('before')
    resize(60, 3)
    await shows(/^bgtask top.*\nID.*\n… 2 more\n*$/)
    // Columns that do not fit are cut, so that each task has one line.
    resize(30, 10)
    await shows(/^bgtask top.*\nID.*\n\d+ +busy .*\n\d+ +idle .*\n*$/)
    resize(120, 20)
    await shows(/busy[\s\S]*idle/)
    type('q')
    await shows(/before[\s\S]*code 0/)
    expect(screen()).not.toContain('busy ')
    type('clear; bgtask top; stty -a | grep -o " icanon"; echo code $?', 'Enter')
    await shows(/busy +running/)
    type('C-c')
    await shows(/icanon\s+code 0/)
  })

  test('ls uses colours in a terminal, but not if NO_COLOR is set', async () => {
    const user = cli()
    await user.run('-n', 'web', 'sleep', '60')
    const { type, shows, screen } = terminal(user)
    type('bgtask ls', 'Enter')
    await shows(/web +running/)
    expect(screen('-e')).toContain('\u001b[32mrunning')
    type("clear; NO_COLOR=1 bgtask ls; echo no''ne", 'Enter')
    await shows(/web +running[\s\S]*none/)
    expect(screen('-e')).not.toContain('\u001b[')
  })
})
