import { realpathSync } from 'node:fs'
import { eventually, processArgv, processCwd, processEnv, tempDir } from '@bgtask/testkit'
import { expect, test } from 'vitest'
import { makePool } from '../support/pools.js'

test('cmd is passed to the shell', async () => {
  const task = await makePool().spawn({ cmd: 'echo "$((6 * 7))" | cat; echo $0' })
  expect((await task.stdout.waitFor('/bin/sh\n'))?.text).toBe('/bin/sh\n')
  expect(String((await task.stdout.read()).data)).toBe('42\n/bin/sh\n')
})

test('exec is an argv for exec(), without a shell', async () => {
  const argv = ['/bin/echo', '-n', '$HOME; "two  words" *', '']
  const task = await makePool().spawn({ exec: argv })
  await task.wait()
  expect(String((await task.stdout.read()).data)).toBe('$HOME; "two  words" * ')
  const cat = await makePool().spawn({ exec: ['cat', '-u', '-'] })
  expect(processArgv((await cat.info()).pid ?? 0)).toEqual(['cat', '-u', '-'])
})

test('env sets variables of the child, beside those of the caller', async () => {
  const task = await makePool().spawn({ exec: ['sleep', '1000'], env: { SEED_A: 'a b=c\nd', LANG: undefined } })
  const env = processEnv((await task.info()).pid ?? 0)
  expect(env.SEED_A).toBe('a b=c\nd')
  expect(env.PATH).toBe(process.env.PATH)
  expect(env).not.toHaveProperty('LANG')
})

test('meta is free-form and stays associated with the process', async () => {
  const pool = makePool()
  const meta = { name: 'CoolProgram', deep: { list: [1, 'two', null, true], 'ключ 🔑': -0.5 }, big: 2 ** 40, empty: {} }
  const task = await pool.spawn({ cmd: 'true', meta })
  await task.wait()
  expect((await task.info()).meta).toEqual(meta)
  expect((await pool.record(task.pid))?.info.meta).toEqual(meta)
})

test('maxReadBufSize is the maximum of output bytes held for clients', async () => {
  const task = await makePool().spawn({ cmd: 'seq 1 10000; echo end', maxReadBufSize: 1000 })
  await task.wait()
  // The end of the output is a fact of its own, which may be known a moment after the exit.
  await eventually(async () => (await task.stdout.info()).eof)
  const { offset, data, endOffset, eof } = await task.stdout.read({ from: 0 })
  expect({ kept: data.length, endOffset, eof }).toEqual({ kept: 1000, endOffset: 48898, eof: true })
  expect(offset).toBe(48898 - 1000)
  expect(String(data)).toMatch(/\n9999\n10000\nend\n$/)
})

test("the child runs in the caller's directory, or in cwd", async () => {
  const pool = makePool()
  const here = await pool.spawn({ cmd: 'sleep 1000' })
  expect(processCwd((await here.info()).pid ?? 0)).toBe(realpathSync('.'))
  const cwd = tempDir()
  const there = await pool.spawn({ cmd: 'sleep 1000', cwd })
  expect(processCwd((await there.info()).pid ?? 0)).toBe(cwd)
})
