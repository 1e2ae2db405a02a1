import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, isAlive, needs, pathOf, reachable, reachableNode } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { COMMAND_NAMES } from '../src/program.js'
import { cli, program } from './support/cli.js'

describe('an id', () => {
  test('an id is a pid, a name, a unique prefix of a name or task id, or @last', async () => {
    const { bgtask, json, run } = cli()
    const first = await run('--name', 'web-1', '--', 'sleep', '60')
    const second = await run('--name', 'worker', '--', 'sleep', '60')
    const [{ task }] = (await json('info', second)) as [{ task: { taskId: string } }]
    const idOf = async (id: string) => (await bgtask(['pause', id])).stdout
    expect(await Promise.all([first, 'web-1', 'web'].map(idOf))).toEqual([first, first, first])
    expect(await Promise.all(['worker', task.taskId, '@last'].map(idOf))).toEqual([second, second, second])
  })

  test('an id may be a task id of digits only, or its prefix', async () => {
    const user = cli()
    const id = await user.run('true')
    process.kill(Number(id), 'SIGKILL')
    await eventually(() => !isAlive(Number(id)))
    const [name = ''] = readdirSync(user.poolPath).filter((file) => file.endsWith('.json'))
    const record = JSON.parse(readFileSync(join(user.poolPath, name), 'utf8'))
    const taskId = '12345678901234567890'
    record.info.taskId = taskId
    rmSync(join(user.poolPath, name))
    writeFileSync(join(user.poolPath, `${id}.${taskId}.json`), JSON.stringify(record), { mode: 0o600 })
    for (const given of [taskId, taskId.slice(0, 11)]) {
      expect(await user.json('info', given)).toMatchObject([{ id: Number(id), task: { taskId, state: 'lost' } }])
    }
  })

  test('an ambiguous id is rejected; the error lists the matches', async () => {
    const { bgtask, run } = cli()
    const ids = [await run('-n', 'a1', 'sleep', '60'), await run('-n', 'a2', 'sleep', '60')]
    const { exitCode, stderr } = await bgtask(['kill', 'a'])
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr: `bgtask: a is ambiguous: it matches ${ids[0]} (a1), ${ids[1]} (a2)`,
    })
  })

  test('an id that is the pid of several lost tasks is refused with their task ids', async () => {
    const user = cli()
    const id = await user.run('true')
    process.kill(Number(id), 'SIGKILL')
    await eventually(() => !isAlive(Number(id)))
    const [name = ''] = readdirSync(user.poolPath).filter((file) => file.endsWith('.json'))
    const record = JSON.parse(readFileSync(join(user.poolPath, name), 'utf8'))
    const taskIds = [record.info.taskId, 'fedcba9876543210'] as [string, string]
    record.info.taskId = taskIds[1]
    writeFileSync(join(user.poolPath, `${id}.${taskIds[1]}.json`), JSON.stringify(record), { mode: 0o600 })
    const { exitCode, stderr } = await user.bgtask(['rm', id])
    expect(exitCode).toBe(125)
    for (const taskId of taskIds) expect(stderr).toContain(taskId)
    for (const taskId of taskIds) expect(await user.bgtask(['rm', taskId])).toMatchObject({ exitCode: 0 })
    expect((await user.bgtask(['ls', '-a'])).stdout).not.toContain(id)
  })

  test('an id that equals a name is that name, even if it is a prefix of others', async () => {
    const { bgtask, run } = cli()
    await run('-n', 'ab', 'sleep', '60')
    const id = await run('-n', 'a', 'sleep', '60')
    expect((await bgtask(['kill', 'a'])).stdout).toBe(id)
  })

  test('a name means the running task, else the one that ended last', async () => {
    const { bgtask, run } = cli()
    const running = await run('-n', 'build', 'sleep', '60')
    const ended = await run('-n', 'build', 'true')
    await bgtask(['wait', ended])
    expect((await bgtask(['stop', 'build'])).stdout).toBe(running)
    expect((await bgtask(['wait', 'build'])).stdout).toBe(`${ended} 0`)
  })

  /** The error used to show a long pid as a number: 1e+20. */
  test.for(['nothing', '1', '@last', '007', '99999999999999999999999'])(
    'the unknown id %s exits with 125',
    async (id) => {
      const { bgtask, run } = cli()
      await bgtask(['rm', '-f', await run('true')])
      const { exitCode, stderr } = await bgtask(['info', id])
      expect({ exitCode, stderr }).toEqual({ exitCode: 125, stderr: expect.stringContaining(`no task ${id} in`) })
    },
  )
})

describe('the pool', () => {
  test('the pool is --pool, before or after the command, else $BGTASK_TASKPOOL_PATH', async () => {
    const { bgtask, run } = cli()
    const inEnvironment = await run('true')
    const other = String((await bgtask(['run', '--pool', './other', 'sleep', '60'])).stdout)
    expect((await bgtask(['ls', '-aq'])).stdout).toBe(inEnvironment)
    expect((await bgtask(['--pool', './other', 'ls', '-q'])).stdout).toBe(other)
    expect((await bgtask(['rm', '-f', '--pool', './other', other])).stdout).toBe(other)
  })

  test('ls and prune treat a missing default pool as empty; a missing --pool and other commands are errors', async () => {
    const { bgtask } = cli()
    for (const name of ['ls', 'prune']) {
      expect(await bgtask([name])).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
    }
    for (const args of [
      ['ls', '--pool', './none'],
      ['logs', 'x'],
    ]) {
      expect(await bgtask(args)).toMatchObject({
        exitCode: 125,
        stderr: expect.stringContaining('bgtask run creates it'),
      })
    }
  })

  test.runIf(needs('root', 'setpriv'))(
    "without --pool and $BGTASK_TASKPOOL_PATH the pool is the user's own, created only by run",
    () => {
      const { directory, env } = cli()
      chmodSync(directory, 0o777)
      const state = join(directory, 'state')
      const own = { ...process.env, ...env, BGTASK_TASKPOOL_PATH: '', XDG_STATE_HOME: state, NODE_OPTIONS: '' }
      const bgtask = (...args: string[]) => {
        const asUser = ['--reuid', '12345', '--regid', '12345', '--clear-groups', reachableNode(), reachable(program)]
        return spawnSync(pathOf('setpriv'), [...asUser, ...args], { cwd: '/', env: own, encoding: 'utf8' }).status
      }
      const others = COMMAND_NAMES.filter((name) => name !== 'run').map((name) => [name, ...(WORDS[name] ?? [])])
      for (const words of others) bgtask(...words)
      expect(existsSync(state)).toBe(false)
      expect(bgtask('run', '--wait', '--rm', '--', 'true')).toBe(0)
      expect(readdirSync(join(state, 'bgtask'))).toHaveLength(1)
      expect(statSync(join(state, 'bgtask', String(readdirSync(join(state, 'bgtask'))[0]))).mode & 0o777).toBe(0o700)
    },
  )
})

/** Arguments that a command needs; most need an id. */
const WORDS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  COMMAND_NAMES.map((name) => {
    if (['ls', 'top', 'prune', 'doctor', 'web'].includes(name)) return [name, []]
    return [name, name === 'completion' ? ['bash'] : ['x']]
  }),
)
