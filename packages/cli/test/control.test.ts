import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { TaskPool } from '@bgtask/pool'
import { eventually, isAlive } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cli } from './support/cli.js'

describe('kill, pause and resume', () => {
  test.for([
    { args: ['-INT'], code: 130 },
    { args: ['-9'], code: 137 },
    { args: ['-s', 'usr1'], code: 138 },
    { args: [], code: 143 },
  ])('kill $args ends the task with exit code $code', async ({ args, code }) => {
    const { bgtask, run } = cli()
    const id = await run('--', 'sleep', '60')
    expect((await bgtask(['kill', ...args, id])).stdout).toBe(id)
    expect(await bgtask(['wait', id])).toMatchObject({ exitCode: code, stdout: `${id} ${code}` })
    expect(await bgtask(['kill', id])).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining('no running process'),
    })
  })

  test('pause suspends a task, resume continues it', async () => {
    const { bgtask, run } = cli()
    const id = await run('--', 'sleep', '60')
    await bgtask(['pause', id])
    expect((await bgtask(['ls'])).stdout).toContain('paused')
    await bgtask(['resume', id])
    expect((await bgtask(['ls'])).stdout).toContain('running')
  })

  test('kill with an unknown signal is a usage error', async () => {
    const { bgtask, run } = cli()
    expect((await bgtask(['kill', '-s', 'NONE', await run('sleep', '60')])).exitCode).toBe(2)
  })
})

describe('stop, restart and rm', () => {
  test('stop ends the whole process tree; the output is kept until rm', async () => {
    const { bgtask, run } = cli()
    const id = await run('--ready', 'up', '--', 'sh', '-c', 'sleep 60 & echo up $!; wait')
    const child = Number(/\d+/.exec(String((await bgtask(['logs', id])).stdout)))
    expect((await bgtask(['stop', id])).stdout).toBe(id)
    expect(isAlive(child)).toBe(false)
    expect((await bgtask(['logs', id])).stdout).toBe(`up ${child}`)
    expect((await bgtask(['rm', id])).stdout).toBe(id)
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('stop -s sets the first signal, -t the time until KILL', async () => {
    const { bgtask, run } = cli()
    const id = await run(
      '--ready',
      'up',
      '--',
      'sh',
      '-c',
      'trap "" TERM; trap "echo asked" USR1; echo up; while :; do sleep 0.05; done',
    )
    await bgtask(['stop', '-s', 'USR1', '-t', '1s', id])
    expect(await bgtask(['wait', id])).toMatchObject({ exitCode: 137 })
    expect((await bgtask(['logs', id])).stdout).toContain('asked')
  })

  test('restart starts an ended task, and stops a running one first', async () => {
    const { bgtask, json, run } = cli()
    const ended = await run('--', 'true')
    const running = await run('--', 'sleep', '60')
    await bgtask(['wait', ended])
    const results = await json('restart', ended, running)
    expect(results.map(({ run }) => run)).toEqual([2, 2])
    expect((await bgtask(['ls', '-q'])).stdout).toBe(running)
  })

  test('rm without -f refuses a running task, but still removes ended ones', async () => {
    const { bgtask, run } = cli()
    const running = await run('--', 'sleep', '60')
    const ended = await run('--', 'true')
    await bgtask(['wait', ended])
    const { exitCode, stdout, stderr } = await bgtask(['rm', running, ended])
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 125,
      stdout: ended,
      stderr: expect.stringContaining('-f'),
    })
    expect((await bgtask(['rm', '-f', running])).stdout).toBe(running)
  })

  test('prune --keep and --max-total keep the newest ended tasks', async () => {
    const { bgtask, run } = cli()
    const ended: string[] = []
    for (const name of ['a', 'b', 'c']) {
      ended.push(await run('--name', name, 'true'))
      await bgtask(['wait', name])
    }
    const running = await run('sleep', '60')
    const [first, second, third] = ended
    expect((await bgtask(['prune', '--max-total', '1G'])).stdout).toBe('')
    expect((await bgtask(['prune', '--keep', '2'])).stdout).toBe(first)
    expect((await bgtask(['prune', '--keep', '0', '--dry-run'])).stdout).toBe(`${second}\n${third}`)
    expect((await bgtask(['ls', '-aq'])).stdout).toBe(`${second}\n${third}\n${running}`)
  })

  test('prune removes only tasks that ended long enough ago', async () => {
    const { bgtask, run } = cli()
    const ended = await run('--', 'true')
    const running = await run('--', 'sleep', '60')
    await bgtask(['wait', ended])
    expect((await bgtask(['prune', '--older-than', '1h'])).stdout).toBe('')
    expect((await bgtask(['prune', '--dry-run'])).stdout).toBe(ended)
    expect((await bgtask(['prune'])).stdout).toBe(ended)
    expect((await bgtask(['ls', '-aq'])).stdout).toBe(running)
  })
})

describe('a task that lost its supervisor', () => {
  test('a task whose supervisor died is orphaned; stop makes it lost, and rm removes it', async () => {
    const { bgtask, json, run } = cli()
    const id = await run('-n', 'job', '--', 'sleep', '60')
    const [{ task }] = (await json('info', id)) as [{ task: { pid: number } }]
    process.kill(Number(id), 'SIGKILL')
    await eventually(() => !isAlive(Number(id)))
    expect((await bgtask(['ls', '-q'])).stdout).toBe('')
    expect((await bgtask(['ls', '-a'])).stdout).toMatch(/job +orphaned/)
    expect(await bgtask(['logs', 'job'])).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('died') })
    expect(await bgtask(['doctor'])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining(`bgtask stop ${id}`),
    })
    expect((await bgtask(['stop', 'job'])).stdout).toBe(id)
    expect(isAlive(task.pid)).toBe(false)
    expect(await bgtask(['wait', 'job'])).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining('exit code is unknown'),
    })
    expect((await bgtask(['rm', 'job'])).stdout).toBe(id)
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })
})

describe('send and meta', () => {
  test('send writes a line or piped input, and can close stdin', async () => {
    const { bgtask, run } = cli()
    const id = await run('--', 'cat')
    await bgtask(['send', id, 'two', 'words'])
    await bgtask(['send', '-n', id, '-x'])
    await bgtask(['send', id], { stdin: 'pipe', input: 'piped' })
    await bgtask(['send', '--eof', id], { stdin: 'pipe' })
    expect((await bgtask(['wait', id])).stdout).toBe(`${id} 0`)
    expect((await bgtask(['logs', id])).stdout).toBe('two words\n-xpiped')
  })

  test('send takes options before the text, on either side of the id', async () => {
    const { bgtask, json, run } = cli()
    const id = await run('--', 'cat')
    await bgtask(['send', id, '--', '--eof'])
    await bgtask(['send', id, '-n', '-', '--json'])
    expect(await json('send', id, '--eof')).toMatchObject([{ closed: true }])
    await bgtask(['wait', id])
    expect((await bgtask(['logs', id])).stdout).toBe('--eof\n- --json')
  })

  test('meta prints and changes values; numbers and null are JSON, versions are text', async () => {
    const { bgtask, json, run } = cli()
    const id = await run('-n', 'm', '-m', 'a.b=1', '-m', 'version=1.10', '--', 'sleep', '60')
    await bgtask(['meta', id, 'a.c=true', 'a.b=null', 'text=a b'])
    expect(JSON.parse(String((await bgtask(['meta', id])).stdout))).toEqual({
      name: 'm',
      a: { c: true },
      version: '1.10',
      text: 'a b',
    })
    expect((await json('ls', '--meta', 'a.c=true', '--meta', 'version=1.10'))[0]).toMatchObject({
      tasks: [{ meta: { name: 'm' } }],
    })
    expect((await json('ls', '--meta', 'version=1.1'))[0]).toMatchObject({ tasks: [] })
  })

  test.each(['__proto__', 'constructor', 'toString'])('meta treats the key %s like any other', async (key) => {
    const { bgtask, run, json } = cli()
    const id = await run('--meta', `${key}.${key}=1`, '--', 'sleep', '1000')
    const meta = async () => JSON.stringify(JSON.parse(String((await bgtask(['meta', id])).stdout)))
    expect(await meta()).toBe(`{"${key}":{"${key}":1}}`)
    await bgtask(['meta', id, `${key}.other=2`])
    expect(await meta()).toBe(`{"${key}":{"${key}":1,"other":2}}`)
    expect((await json('ls', '--meta', `${key}.${key}=1`))[0]).toMatchObject({ tasks: [{ supervisorPid: Number(id) }] })
  })

  test('meta without an id, inside a task, reports progress of that task', async () => {
    const { bgtask, env, run } = cli()
    const { program } = await import('./support/cli.js')
    const id = await run('--', process.execPath, program, 'meta', 'progress.done=3', 'progress.total=10')
    expect(await bgtask(['wait', id])).toMatchObject({ exitCode: 0 })
    expect(JSON.parse(String((await bgtask(['meta', id])).stdout))).toEqual({ progress: { done: 3, total: 10 } })
    expect(await bgtask(['meta', 'a=b'], { env })).toMatchObject({ exitCode: 2 })
  })
})

describe('wait', () => {
  test('wait for several tasks prints each as it ends, and exits with the first failure', async () => {
    const { bgtask, run } = cli()
    const [a, b, c] = [
      await run('sh', '-c', 'exit 0'),
      await run('sh', '-c', 'exit 3'),
      await run('sh', '-c', 'exit 4'),
    ]
    const { stdout, exitCode } = await bgtask(['wait', a, b, c])
    expect({ lines: String(stdout).split('\n').sort(), exitCode }).toEqual({
      lines: [`${a} 0`, `${b} 3`, `${c} 4`].sort(),
      exitCode: 3,
    })
  })

  test('wait exits with the code although its reader closed the pipe', async () => {
    const { bgtask, run } = cli()
    const ids = [await run('true'), await run('sh', '-c', 'read line; exit 6')]
    const waiting = bgtask(['wait', ...ids])
    await once(waiting.stdout as Readable, 'data')
    waiting.stdout.destroy()
    await bgtask(['send', ids[1] as string, 'end'])
    expect(await waiting).toMatchObject({ exitCode: 6, stderr: '' })
  })

  test('wait --any returns when the first task ends', async () => {
    const { bgtask, run } = cli()
    const slow = await run('sleep', '60')
    const fast = await run('sh', '-c', 'exit 5')
    expect(await bgtask(['wait', '--any', slow, fast])).toMatchObject({ exitCode: 5, stdout: `${fast} 5` })
  })

  test('wait --timeout exits with 124', async () => {
    const { bgtask, run } = cli()
    expect(await bgtask(['wait', '--timeout', '50ms', await run('sleep', '60')])).toMatchObject({ exitCode: 124 })
  })
})

describe('many tasks at once', () => {
  test('stop and rm -f handle 30 tasks at once, by id and by name', { timeout: 60_000 }, async () => {
    const { bgtask, poolPath, run } = cli()
    await run('-n', 'job-0', 'sleep', '60')
    const pool = new TaskPool({ path: poolPath })
    const names = Array.from({ length: 30 }, (_, index) => `job-${index}`)
    await Promise.all(names.slice(1).map((name) => pool.spawn({ exec: ['sleep', '60'], meta: { name } })))
    const stopped = await bgtask(['stop', ...names])
    expect(stopped).toMatchObject({ exitCode: 0, stderr: '' })
    const ids = String((await bgtask(['ls', '-aq'])).stdout).split('\n')
    expect(String(stopped.stdout).split('\n').sort()).toEqual(ids.sort())
    expect(await bgtask(['rm', '-f', ...ids])).toMatchObject({ exitCode: 0, stderr: '' })
    expect((await bgtask(['ls', '-aq'])).stdout).toBe('')
  })

  test('stop names a task that does not answer, and does not delay the others', { timeout: 60_000 }, async () => {
    const { bgtask, run } = cli()
    const hung = await run('-n', 'hung', 'sleep', '60')
    const others = [await run('-n', 'a', 'sleep', '60'), await run('-n', 'b', 'sleep', '60')]
    process.kill(Number(hung), 'SIGSTOP')
    onTestFinished(() => void process.kill(Number(hung), 'SIGCONT'))
    const { stdout, stderr, exitCode } = await bgtask(['stop', hung, ...others])
    expect(String(stdout).split('\n').sort()).toEqual([...others].sort())
    expect({ stderr, exitCode }).toEqual({
      stderr: `bgtask: task ${hung} did not answer within 2000 ms`,
      exitCode: 124,
    })
  })
})

describe('ls', () => {
  test('ls shows running tasks, with -a ended ones too; a command line cannot move the cursor', async () => {
    const { bgtask, run } = cli()
    await bgtask(['wait', await run('-n', 'done', 'sh', '-c', 'exit 3')])
    await run('-n', 'up', 'sh', '-c', 'sleep 60 # \u001b[2J\n')
    const [heading, ...rows] = String((await bgtask(['ls'])).stdout).split('\n')
    expect(heading?.split(/ +/)).toEqual(['ID', 'NAME', 'STATE', 'AGE', 'COMMAND'])
    expect(rows).toEqual([expect.stringMatching(/^\d+ +up +running +\d+s +sh -c 'sleep 60 # \ufffd\[2J\\n'$/)])
    expect((await bgtask(['ls', '-a'])).stdout).toMatch(/done +exited 3 /)
  })

  test('ls --watch prints tasks that appear, change and disappear', async () => {
    const { bgtask, poolPath, run } = cli()
    await run('-n', 'first', 'sleep', '60')
    const watching = bgtask(['ls', '--watch', '--json'])
    const lines = watching.iterable()[Symbol.asyncIterator]()
    const next = async () => JSON.parse(String((await lines.next()).value))
    expect(await next()).toMatchObject({ type: 'appear', task: { meta: { name: 'first' } } })
    const [task] = await new TaskPool({ path: poolPath }).search()
    await task?.applyMeta({ name: 'renamed' })
    expect(await next()).toMatchObject({ type: 'change', task: { meta: { name: 'renamed' } } })
    await task?.stop()
    expect(await next()).toMatchObject({ type: 'gone', id: task?.pid })
    // A task that was removed used to reappear for a moment.
    await task?.terminateSupervisor()
    await run('-n', 'second', 'sleep', '60')
    expect(await next()).toMatchObject({ type: 'appear', task: { meta: { name: 'second' } } })
    watching.kill('SIGKILL')
  })
})
