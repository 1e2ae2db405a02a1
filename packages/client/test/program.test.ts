import { join } from 'node:path'
import { runNode } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { spawnTask } from './support/tasks.js'

const program = join(import.meta.dirname, 'fixtures/stay-or-go.mjs')

test.each(['idle', 'listen'])('an open connection does not keep a program alive: %s', async (what) => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const { stdout, exitCode } = await runNode(program, [task.taskPool.socketPath(task.pid), what])
  expect({ stdout, exitCode }).toEqual({ stdout: 'nothing left to do', exitCode: 0 })
})

test.each([
  ['wait', 'exit 5\nnothing left to do'],
  ['follow', 'last words\nnothing left to do'],
])('what waits for the task does: %s', async (what, output) => {
  const task = await spawnTask({ cmd: 'read -r go; echo last words; exit 5' })
  const running = runNode(program, [task.taskPool.socketPath(task.pid), what])
  // Its connection, and the one that looks.
  for (let clients = 0; clients < 2; ) clients = (await task.info()).clientCount
  await task.stdin.write('go\n')
  const { stdout, exitCode } = await running
  expect({ stdout, exitCode }).toEqual({ stdout: output, exitCode: 0 })
})

test('with BGTASK_DEBUG the client says on stderr what it does', async () => {
  const task = await spawnTask({ exec: ['sleep', '1000'] })
  const socketPath = task.taskPool.socketPath(task.pid)
  const { stderr } = await runNode(program, [socketPath, 'idle'], { env: { BGTASK_DEBUG: '1' } })
  expect(stderr).toContain(`connected to ${socketPath}`)
})
