import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import {
  childrenOf,
  eventually,
  isAlive,
  processArgv,
  processCwd,
  processEnv,
  processFds,
  processStat,
  tempDir,
} from '../src/index.js'

test('tells what /proc knows of a process that leads a session of its own', () => {
  const cwd = tempDir()
  const pid = start('exec sleep 1000', { cwd, env: { A: 'b=c' } })
  expect(processStat(pid)).toMatchObject({ pid, ppid: process.pid, pgrp: pid, session: pid, tty: 0 })
  expect(processStat(pid)?.startTime).toBeGreaterThanOrEqual(processStat(process.pid)?.startTime ?? Infinity)
  expect(processEnv(pid)).toMatchObject({ A: 'b=c' })
  expect(processCwd(pid)).toBe(cwd)
  expect(childrenOf(process.pid)).toContain(pid)
  expect(processFds(pid).get(0)).toMatch(/^(socket|pipe):\[\d+\]$/)
})

test('a name with blanks and parentheses does not shift the fields', async () => {
  const pid = start("printf 'a) S 1 (b' >/proc/self/comm; exec 3<&0; read line")
  await eventually(() => processStat(pid)?.name === 'a) S 1 (b')
  expect(processStat(pid)).toMatchObject({ ppid: process.pid, session: pid })
  expect(processArgv(pid)[0]).toBe('sh')
})

test('a zombie is not alive, though it is still told', async () => {
  // The outer shell becomes a sleep that never reaps its child.
  const pid = start('true & exec sleep 1000')
  const [zombie = 0] = await eventually(() => nonEmpty(childrenOf(pid)))
  await eventually(() => processStat(zombie)?.state === 'Z')
  expect(isAlive(zombie)).toBe(false)
  expect(isAlive(pid)).toBe(true)
})

test('of a process that is gone there is nothing', async () => {
  const child = spawn('true')
  await once(child, 'exit')
  const pid = child.pid ?? 0
  expect([processStat(pid), isAlive(pid), processArgv(pid), processFds(pid).size]).toEqual([undefined, false, [], 0])
})

function start(script: string, options: { cwd?: string; env?: Record<string, string> } = {}): number {
  const env = { ...process.env, ...options.env }
  const child = spawn('sh', ['-c', script], { stdio: 'pipe', detached: true, ...options, env })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child.pid ?? 0
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined
}
