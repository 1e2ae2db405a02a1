import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { daemonPath, supervisorCommand } from '../src/command.js'
import { makePool } from './support/pool.js'

/** An installation of its own. */
function install() {
  const directory = tempDir()
  cpSync(dirname(daemonPath()), directory, { recursive: true })
  const file = (name: string) => join(directory, name)
  return { directory, start: file('start.cjs'), compile: file('compile.cjs'), compiled: file('daemon.compiled') }
}

async function expectTaskFrom(start: string) {
  const pool = makePool({ supervisorCmd: supervisorCommand([process.execPath, start]) })
  const task = await pool.spawn({ cmd: 'echo hello' })
  expect(await task.wait()).toMatchObject({ exitCode: 0 })
  expect((await task.stdout.read()).data.toString()).toBe('hello\n')
}

describe('the daemon as V8 compiled it', () => {
  test('is taken by Node', () => {
    const { compile, compiled } = install()
    // The build may have been made by another version of it.
    execFileSync(process.execPath, [compile])
    const script = `
      const { readFileSync } = require('node:fs')
      const { Script } = require('node:vm')
      const file = readFileSync(${JSON.stringify(compiled)})
      const begin = file.indexOf(10) + 1
      const end = begin + Number(file.toString('latin1', 0, begin).split(' ')[2])
      const { cachedDataRejected } = new Script(file.toString('latin1', begin, end), { cachedData: file.subarray(end) })
      console.log(cachedDataRejected)`
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('false\n')
  })

  test('starts a task, and so does the daemon without it, with one of another Node, and with half of one', async () => {
    const { start, compiled } = install()
    await expectTaskFrom(start)
    const whole = readFileSync(compiled)
    writeFileSync(compiled, whole.subarray(0, whole.length >> 2))
    await expectTaskFrom(start)
    writeFileSync(compiled, `v1.2.3 ${process.arch} 20\nthrow new Error('old')`)
    await expectTaskFrom(start)
    rmSync(compiled)
    await expectTaskFrom(start)
  })

  test('is made anew by `compile.cjs`', async () => {
    const { start, compile, compiled } = install()
    rmSync(compiled)
    execFileSync(process.execPath, [compile])
    expect(readFileSync(compiled, 'latin1')).toMatch(`${process.version} ${process.arch} `)
    await expectTaskFrom(start)
  })

  test('leaves nothing where it cannot be kept, and says why', () => {
    const { directory, compile, compiled } = install()
    rmSync(compiled)
    mkdirSync(compiled)
    const before = readdirSync(directory)
    const { status, stderr } = spawnSync(process.execPath, [compile], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/cannot be kept: EISDIR/) })
    expect(readdirSync(directory)).toEqual(before)
  })
})
