import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runNode, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { endTasksAfterTest } from './support/pools.js'

const DEMO = join(import.meta.dirname, '../examples/demo.mjs')

test('the demo shows a task from its start to its end, also without a terminal, and leaves nothing behind', async () => {
  const TMPDIR = tempDir()
  const { exitCode, stdout, stderr } = await runNode(DEMO, [], { env: { TMPDIR }, stdin: 'ignore' })
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const milestones = /ERR_BGTASK_LOCK_HELD.* 1 found\n.*stdout {3}0: .*stdout +\d\d: .*"SIGINT".* are gone/s
  expect(stdout).toMatch(milestones)
  expect(readdirSync(TMPDIR)).toEqual([])
})

test('a demo that is interrupted ends with 1 and leaves nothing behind either', async () => {
  const TMPDIR = tempDir()
  const demo = runNode(DEMO, [], { env: { TMPDIR }, stdin: 'ignore', detached: true })
  let shown = ''
  for await (const chunk of demo.stdout) {
    shown += chunk
    if (!shown.includes('stdout   0:')) continue
    const [name = ''] = readdirSync(TMPDIR)
    endTasksAfterTest(join(TMPDIR, name, 'pool'))
    // As ^C does: to the whole group.
    process.kill(-(demo.pid ?? 0), 'SIGINT')
    break
  }
  expect((await demo).exitCode).toBe(1)
  expect(readdirSync(TMPDIR)).toEqual([])
})
