import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readProcessStat } from '@bgtask/os'
import type { Bench } from '../bench.js'
import { type Check, core, full, Skipped } from '../check.js'
import type { Client } from '../client.js'
import { isAlive } from '../processes.js'
import { KILL, SLEEP } from '../spec.js'
import { until } from '../waiting.js'

/** Without the task's cookie in its environment. */
const CLEARED = 'env -i PATH="$PATH"'

/**
 * How to start a process that belongs to a task by one property alone, as a line of shell. `STAY` is the command that stays.
 * `( … & )` takes its parent away, `env -i` the cookie, `setsid` session and group.
 */
const MEMBERS: Readonly<Record<string, string>> = {
  // Job control gives it a group of its own, so that only the session is left.
  'the session': `(${CLEARED} bash -c 'set -m; STAY < /dev/null > /dev/null 2>&1 &' &)`,
  'the cookie': '(setsid STAY < /dev/null > /dev/null 2>&1 &)',
  'its parent': `${CLEARED} setsid STAY < /dev/null > /dev/null 2>&1 &`,
  'the pipe of stdin': `exec 3<&0; (${CLEARED} setsid STAY <&3 3<&- > /dev/null 2>&1 &)`,
  'the pipe of stdout': `(${CLEARED} setsid STAY < /dev/null 2> /dev/null &)`,
  'the pipe of stderr': `(${CLEARED} setsid STAY < /dev/null > /dev/null &)`,
}

export const treeChecks: readonly Check[] = [
  full('stop ends a process that belongs to the task by a single property', 'W-91', async (bench) => {
    const { client, members } = await withMembers(bench, membersHere())
    const { survivors } = await client.call('stop', { steps: KILL })
    assert.deepEqual(survivors, [], 'survivors of a stop')
    for (const [property, pid] of members)
      assert.ok(!isAlive(pid), `stop left a process that belongs to the task by ${property}`)
  }),

  full('kill with tree signals a process that belongs to the task by a single property', 'W-71', async (bench) => {
    const { client, members } = await withMembers(bench, membersHere())
    await client.call('kill', { killSignal: 'SIGKILL', tree: true })
    for (const [property, pid] of members)
      await until(() => !isAlive(pid), `kill with tree ends a process that belongs to the task by ${property}`)
  }),

  full('stop ends processes that hold pipes of an earlier run', 'W-91', async (bench) => {
    const { client, members } = await withMembers(bench, ['the pipe of stdout'], 'exit 0')
    await client.ended()
    await client.call('restart')
    await client.ended()
    await client.call('stop', { steps: KILL })
    for (const pid of members.values())
      assert.ok(!isAlive(pid), 'stop left a process that holds stdout of the run before')
  }),

  full('a task that was started inside is spared, though it was found during its launch', 'W-205', async (bench) => {
    const inner = (env: string) =>
      `env -u BGTASK_COOKIE -u BGTASK_SUPERVISOR_PID ${env} /usr/bin/setsid /bin/sh -c 'echo pid=$$; exec sleep 1000 < /dev/null > /dev/null 2>&1' & wait`
    for (const env of ['BGTASK_BEHAVIOR=daemon', 'BGTASK_COOKIE=00112233445566778899aabbccddeeff']) {
      const client = await bench.task({ cmd: inner(env) })
      const pid = await client.number('pid')
      bench.after(() => {
        if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      })
      await until(() => readProcessStat(pid)?.name === 'sleep', 'it has let go of the pipes')
      await client.call('kill', { killSignal: 'SIGCONT', tree: true })
      // Its parent alone connected it with the task.
      await client.call('kill', { killSignal: 'SIGKILL' })
      await client.ended()
      assert.deepEqual((await client.call('stop', { steps: KILL })).survivors, [])
      assert.ok(isAlive(pid), `the process with ${env} was ended`)
    }
  }),

  core('the signal of a step reaches the whole process group of the child', 'W-90', async (bench) => {
    const file = bench.beside('asked')
    const client = await bench.task({
      cmd: `sh -c 'trap "echo asked > ${file}; exit" TERM; echo ready; while :; do sleep 0.05; done' & wait`,
    })
    await client.text(/ready/)
    await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 5_000 }, ...KILL] })
    assert.ok(existsSync(file), 'a process in the group of the child did not get SIGTERM')
  }),

  core('stop answers as soon as no process is left, not when the time of a step is over', 'W-90', async (bench) => {
    const client = await bench.task({ exec: SLEEP })
    const started = performance.now()
    await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 12_000 }] })
    const tookMs = Math.round(performance.now() - started)
    assert.ok(tookMs < 8_000, `a stop with a step of 12 s took ${tookMs} ms, though the child ends at SIGTERM at once`)
  }),

  core('stop does not answer before the process group is gone', 'W-92', async (bench) => {
    const client = await bench.task({
      cmd: `sh -c 'trap "sleep 0.5; exit" TERM; echo pid=$$; while :; do sleep 0.05; done' & wait`,
    })
    const member = await client.number('pid')
    await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 10_000 }] })
    assert.ok(!isAlive(member), 'stop answered while a process of the group that was about to end still ran')
  }),

  full('survivors have start time and command, and are listed in exitStatus, too', 'W-93', async (bench) => {
    const client = await bench.task({
      cmd: `sh -c 'trap "" TERM; echo pid=$$; while :; do sleep 0.05; done' & wait`,
    })
    const survivor = await client.number('pid')
    const { survivors } = await client.call('stop', { steps: [{ killSignal: 'SIGTERM', waitMs: 200 }] })
    const named = survivors.find(({ pid }) => pid === survivor)
    assert.ok(named, `survivors of the stop: ${JSON.stringify(survivors)}; pid ${survivor} is one`)
    assert.equal(named.startTime, readProcessStat(survivor)?.startTime, `startTime of survivor ${survivor}`)
    assert.match(named.command, /sh/, 'command of the survivor')
    const { exitStatus } = await client.info()
    const recorded = exitStatus?.survivors?.map(({ pid }) => pid) ?? []
    assert.ok(recorded.includes(survivor), `exitStatus.survivors names ${recorded}, pid ${survivor} is missing`)
    await client.call('stop', { steps: KILL })
  }),
]

/** Job control without a terminal takes bash. */
function membersHere(): string[] {
  const hasBash = spawnSync('bash', ['-c', ':']).status === 0
  const members = Object.keys(MEMBERS).filter((property) => hasBash || property !== 'the session')
  if (members.length === 0) throw new Skipped('needs a shell')
  return members
}

/** A task with one process for each of these properties, and their pids. */
async function withMembers(bench: Bench, properties: readonly string[], end = 'exec sleep 1000') {
  const stays = bench.beside('stays')
  writeFileSync(stays, 'echo $$ > "$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done\n')
  const files = properties.map((property) => bench.beside(`pid-${property.replaceAll(' ', '-')}`))
  const lines = properties.map((property, index) => MEMBERS[property]?.replace('STAY', `sh ${stays} ${files[index]}`))
  const areThere = files.map((file) => `[ -e ${file} ]`).join(' && ')
  // Only the first run starts them.
  const cmd = `${areThere} || { ${lines.join('\n')}\nuntil ${areThere}; do sleep 0.01; done; }; ${end}`
  const client: Client = await bench.task({ cmd })
  await until(() => files.every((file) => existsSync(file)), `processes that belong to the task by ${properties}`)
  const members = new Map(
    properties.map((property, index) => [property, Number(readFileSync(files[index] as string, 'utf8'))]),
  )
  bench.after(() => {
    for (const pid of members.values()) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return { client, members }
}
