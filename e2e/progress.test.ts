import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import type { PoolEvent } from '@bgtask/pool'
import { runNode, tempDir } from '@bgtask/testkit'
import { createConsole } from '@bgtask/web'
import { build } from 'tsup'
import { expect, test } from 'vitest'
import { makePool } from './support/pools.js'

const root = join(import.meta.dirname, '..')
const cli = join(root, 'packages/cli/dist/bgtask.cjs')

/** The example as JavaScript, with the built client in it. */
async function buildJob(): Promise<string> {
  const outDir = tempDir()
  const entry = { progress: join(root, 'examples/progress.ts') }
  const outExtension = () => ({ js: '.mjs' })
  await build({ config: false, entry, outDir, format: ['esm'], noExternal: [/.*/], silent: true, outExtension })
  return join(outDir, 'progress.mjs')
}

test('a job reports its progress, and a watch, the command line and the console show it', async () => {
  const job = await buildJob()
  const directory = tempDir()
  const [first, second] = [join(directory, 'first'), join(directory, 'second')]
  writeFileSync(first, 'a')
  // Read from as soon as it is written to: until then the job is at its second step.
  execFileSync('mkfifo', [second])
  const pool = makePool()
  const events = pool.watch(undefined, { signal: AbortSignal.timeout(20_000) })
  const progressOf = async (step: number) => {
    for (;;) {
      const { info } = (await events.next()).value as PoolEvent<Task>
      const progress = info.meta.progress as { done: number } | undefined
      if (progress?.done === step) return progress
    }
  }
  const task = await pool.spawn({ exec: [process.execPath, job, first, second], meta: { name: 'sums' } })
  expect(await progressOf(1)).toEqual({ done: 1, total: 2, text: second })

  const top = await runNode(cli, ['top', '--pool', pool.path])
  expect(top.stdout).toMatch(/ sums +running .* █████░░░░░ 50% \//)
  const consoleOf = createConsole({ pool })
  const answer = await consoleOf(new Request(`http://localhost/api/tasks/${task.pid}`))
  expect(await answer.json()).toMatchObject({ info: { meta: { progress: { done: 1, total: 2 } } } })

  writeFileSync(second, 'b')
  expect(await progressOf(2)).toEqual({ done: 2, total: 2, text: 'done' })
  expect(await task.wait()).toMatchObject({ exitCode: 0 })
  expect(String((await task.stdout.read()).data)).toBe(
    execFileSync('sha256sum', [first], { encoding: 'utf8' }) + sumOf('b', second),
  )
  await events.return()
})

test('the same program works outside of a task', async () => {
  const file = join(tempDir(), 'file')
  writeFileSync(file, 'b')
  const { stdout, exitCode } = await runNode(await buildJob(), [file])
  expect({ stdout: `${stdout}\n`, exitCode }).toEqual({ stdout: sumOf('b', file), exitCode: 0 })
})

function sumOf(text: string, file: string): string {
  return execFileSync('sha256sum', { input: text, encoding: 'utf8' }).replace('-', file)
}
