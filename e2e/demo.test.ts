import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type RunningNode, runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { endTasksAfterTest } from './support/pools.js'

const DEMO = join(import.meta.dirname, '../examples/demo.mjs')

test('the demo shows a task in a program, a shell and a console from its start to its end, and leaves nothing', {
  timeout: 90_000,
}, async () => {
  const TMPDIR = tempDir()
  const { exitCode, stdout, stderr } = await runNode(DEMO, [], { env: { TMPDIR }, stdin: 'ignore', timeout: 60_000 })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const milestones =
    /ERR_BGTASK_LOCK_HELD.*\$ bgtask ls\n.* foo .*#token=.*the page: 200.* 1 found\n.*stdout {3}0: .*stdout +\d\d: .*"SIGINT".* are gone/s
  expect(stdout).toMatch(milestones)
  expect(readdirSync(TMPDIR)).toEqual([])
})

test.each([
  // As ^C does, and a terminal that is closed: to the whole group.
  ['is interrupted', 'stdout   0:', (demo: RunningNode) => process.kill(-(demo.pid ?? 0), 'SIGINT')],
  ['loses its terminal', 'stdout   0:', (demo: RunningNode) => process.kill(-(demo.pid ?? 0), 'SIGHUP')],
  // As `| head` does. It left its task running, and the directory.
  ['is read no further', 'It opens a pool', (demo: RunningNode) => demo.stdout.destroy()],
])('a demo that %s ends with 1 and leaves nothing either', async (_, after, interrupt) => {
  const TMPDIR = tempDir()
  const demo = runNode(DEMO, [], { env: { TMPDIR }, stdin: 'ignore', detached: true })
  let shown = ''
  for await (const chunk of demo.stdout) {
    shown += chunk
    if (!shown.includes(after)) continue
    const [name = ''] = readdirSync(TMPDIR)
    endTasksAfterTest(join(TMPDIR, name, 'pool'))
    interrupt(demo)
    break
  }
  expect((await demo).exitCode).toBe(1)
  expect(readdirSync(TMPDIR)).toEqual([])
})
