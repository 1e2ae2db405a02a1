import { spawnSync } from 'node:child_process'
import { chmodSync, lutimesSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, isAlive, needs, pathOf, reachable, reachableNode } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Cli, cli, program } from './support/cli.js'

interface Finding {
  check: string
  level: string
  message: string
  advice?: string
}

describe('doctor', () => {
  test('doctor reports only ok on a healthy machine, even if the pool does not exist yet', async () => {
    const user = cli()
    const { findings, exitCode } = await doctor(user)
    expect({ levels: new Set(findings.map(({ level }) => level)), exitCode }).toEqual({
      levels: new Set(['ok']),
      exitCode: 0,
    })
    expect(findings.at(-1)?.message).toContain('bgtask run creates it')
  })

  test('doctor reports a supervisor that does not answer, and how to revive it', async () => {
    const user = cli()
    const id = await user.run('-n', 'hung', 'sleep', '60')
    process.kill(Number(id), 'SIGSTOP')
    onTestFinished(() => void process.kill(Number(id), 'SIGCONT'))
    const { findings, exitCode } = await doctor(user)
    expect(exitCode).toBe(1)
    expect(findings).toContainEqual({
      check: 'supervisor',
      level: 'problem',
      message: expect.stringMatching(new RegExp(`^${id}: .* took longer than \\d+ ms$`)),
      advice: expect.stringContaining(`kill -CONT ${id}`),
    })
    const [advised = ''] = /kill -CONT \d+/.exec(String(wrong(findings)[0]?.advice)) ?? []
    spawnSync('sh', ['-c', advised])
    expect((await doctor(user)).exitCode).toBe(0)
  })

  test('doctor reports a task that lost its supervisor once; following its advice removes the task', async () => {
    const user = cli()
    const id = await user.run('sleep', '60')
    process.kill(Number(id), 'SIGKILL')
    await eventually(() => !isAlive(Number(id)))
    expect(wrong((await doctor(user)).findings)).toEqual([expect.objectContaining({ check: 'orphaned' })])
    expect(await user.bgtask(['ls', '-a'])).toMatchObject({ stderr: '', stdout: expect.stringContaining('orphaned') })
    await user.bgtask(['stop', id])
    expect(wrong((await doctor(user)).findings)).toEqual([
      { check: 'lost', level: 'warning', message: expect.stringContaining(id), advice: `bgtask rm ${id}` },
    ])
    await user.bgtask(['rm', id])
    expect(wrong((await doctor(user)).findings)).toEqual([])
  })

  test('doctor advises the id of a lost task whose pid a running task has', async () => {
    const user = cli()
    const id = await user.run('sleep', '60')
    const [name = ''] = readdirSync(user.poolPath).filter((file) => file.endsWith('.json'))
    const record = JSON.parse(readFileSync(join(user.poolPath, name), 'utf8'))
    const taskId = 'fedcba9876543210'
    Object.assign(record, { child: null, pipes: [], info: { ...record.info, taskId } })
    record.supervisor.startTime -= 1
    writeFileSync(join(user.poolPath, `${id}.${taskId}.json`), JSON.stringify(record), { mode: 0o600 })
    const [finding] = wrong((await doctor(user)).findings)
    expect(finding).toMatchObject({ check: 'lost', advice: `bgtask rm ${taskId}` })
    expect(await user.bgtask(['rm', taskId])).toMatchObject({ exitCode: 0 })
    expect(wrong((await doctor(user)).findings)).toEqual([])
    expect(await user.json('info', id)).toMatchObject([{ task: { state: 'running' } }])
  })

  test.runIf(needs('root', 'unshare'))(
    'doctor reports a task of a container that is gone; following its advice removes the task',
    async () => {
      const user = cli()
      const container = ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, program]
      const env = { ...process.env, ...user.env, NODE_OPTIONS: '' }
      const { stdout } = spawnSync(pathOf('unshare'), [...container, 'run', 'sleep', '60'], {
        cwd: user.directory,
        env,
      })
      const id = String(stdout).trim()
      const anHourAgo = Date.now() / 1_000 - 3_600
      for (const name of readdirSync(user.poolPath)) lutimesSync(join(user.poolPath, name), anHourAgo, anHourAgo)
      expect(await user.bgtask(['ls', '-a'])).toMatchObject({ stderr: '', stdout: expect.stringContaining('lost') })
      const [finding, ...others] = wrong((await doctor(user)).findings)
      expect(finding).toMatchObject({ check: 'lost', level: 'warning', message: expect.stringContaining('container') })
      expect(others).toEqual([])
      const [, ...advised] = finding?.advice?.split(' ') ?? []
      expect(advised).toEqual(['rm', id])
      expect((await user.bgtask(advised)).exitCode).toBe(0)
      expect(readdirSync(user.poolPath)).toEqual([])
    },
  )

  test('doctor reports a socket path that is not a socket', async () => {
    const user = cli()
    await user.bgtask(['rm', '-f', await user.run('true')])
    writeFileSync(join(user.poolPath, '99999999.sock'), '')
    const { findings, exitCode } = await doctor(user)
    expect(exitCode).toBe(1)
    expect(wrong(findings)).toEqual([
      expect.objectContaining({ check: 'supervisor', advice: expect.stringContaining('bgtask prune') }),
    ])
  })

  test('doctor reports an invalid record once', async () => {
    const user = cli()
    await user.bgtask(['rm', '-f', await user.run('true')])
    const path = join(user.poolPath, '99999999.abcdef0123456789.json')
    writeFileSync(path, '{}', { mode: 0o600 })
    const { findings, exitCode } = await doctor(user)
    expect(exitCode).toBe(0)
    expect(wrong(findings)).toEqual([
      expect.objectContaining({ check: 'record', level: 'warning', message: expect.stringContaining(path) }),
    ])
  })

  test('doctor reports a temporary directory in which no task can be started', async () => {
    const { findings, exitCode } = await doctor(cli(), { TMPDIR: '/none' })
    expect(exitCode).toBe(1)
    expect(wrong(findings)).toEqual([
      expect.objectContaining({ check: 'launch', advice: expect.stringContaining('/none is writable') }),
    ])
  })

  test('doctor reports a world-writable pool without the sticky bit', async () => {
    const user = cli()
    await user.bgtask(['rm', '-f', await user.run('true')])
    chmodSync(user.poolPath, 0o777)
    const { findings, exitCode } = await doctor(user)
    chmodSync(user.poolPath, 0o700)
    expect({ exitCode, wrong: wrong(findings) }).toEqual({
      exitCode: 1,
      wrong: [expect.objectContaining({ check: 'pool', message: expect.stringContaining('sticky') })],
    })
  })

  test.runIf(needs('root', 'setpriv'))('doctor reports a pool that the user can only read', async () => {
    const user = cli()
    await user.run('-n', 'theirs', 'sleep', '60')
    chmodSync(user.directory, 0o755)
    chmodSync(user.poolPath, 0o755)
    const asOther = ['--reuid', '12345', '--regid', '12345', '--clear-groups', reachableNode(), reachable(program)]
    const env = { ...process.env, ...user.env, NODE_OPTIONS: '' }
    const { stdout, status } = spawnSync(pathOf('setpriv'), [...asOther, 'doctor', '--json'], { cwd: '/', env })
    const { findings } = JSON.parse(String(stdout))
    expect(status).toBe(1)
    expect(wrong(findings)).toEqual([
      expect.objectContaining({ check: 'pool', level: 'warning', message: expect.stringContaining('cannot write') }),
      expect.objectContaining({ check: 'supervisor', advice: expect.stringContaining('another user') }),
    ])
  })
})

async function doctor(user: Cli, env?: Record<string, string>): Promise<{ findings: Finding[]; exitCode: number }> {
  const { stdout, exitCode } = await user.bgtask(['doctor', '--json'], { env })
  return { findings: JSON.parse(String(stdout)).findings, exitCode: exitCode as number }
}

function wrong(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ level }) => level !== 'ok')
}
