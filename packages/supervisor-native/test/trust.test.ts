import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { needs, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Launch } from './support/launch.js'
import { hasBinary } from './support/native.js'

const STRANGER = 23_456

/** Connects and prints what comes: an error of the supervisor, or the answer to a request. */
const ASK = `
  const socket = require('net').connect(process.argv[1], () => socket.write(Buffer.from('940007a7676574496e666f90', 'hex')))
  socket.on('data', (data) => { console.log(data.toString('latin1')); process.exit() })
  socket.on('error', (error) => { console.log(error.code); process.exit() })
  socket.on('close', () => process.exit())`

describe.runIf(hasBinary())('who may talk to a task', () => {
  test.runIf(needs('root')).each([
    { mode: 0o600, owners: [], answer: /ERR_BGTASK_PERMISSION|EPIPE|ECONNRESET/ },
    { mode: 0o600, owners: [STRANGER], answer: /taskId/ },
    { mode: 0o660, owners: [], answer: /taskId/ },
    { mode: 0o666, owners: [], answer: /taskId/ },
  ])('access $mode with owners $owners decides about a stranger who gets past the modes', async (access) => {
    const launch = new Launch().give({ access: { mode: access.mode, owners: access.owners } })
    const path = join(launch.path, `${await launch.ready()}.sock`)
    chmodSync(launch.path, 0o755)
    chmodSync(path, 0o666)
    const answer = execFileSync(process.execPath, ['-e', ASK, path], { uid: STRANGER, encoding: 'latin1' })
    expect(answer).toMatch(access.answer)
  })

  test('a living socket of the same name is not replaced, and the launch fails', async () => {
    const launch = new Launch()
    const path = join(launch.path, `${launch.process.pid}.sock`)
    const server = createServer().listen(path)
    onTestFinished(() => void server.close())
    launch.give({})
    expect(await launch.failure()).toMatch(/BGTASK_ERROR=.*NAME_TAKEN/)
    expect(existsSync(path)).toBe(true)
  })

  test('a dead socket of the same name is replaced, a file is not', async () => {
    const dead = new Launch()
    const path = join(dead.path, `${dead.process.pid}.sock`)
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen('${path}', () => process.kill(process.pid, 9))`,
    ])
    expect(existsSync(path)).toBe(true)
    expect(await (await dead.give({}).connect()).call('getInfo')).toMatchObject({ state: 'running' })
    const file = new Launch()
    writeFileSync(join(file.path, `${file.process.pid}.sock`), 'mine')
    expect(await file.give({}).failure()).toMatch(/NAME_TAKEN/)
  })

  test('a lock file is not taken through a link', async () => {
    const directory = tempDir()
    writeFileSync(join(directory, 'precious'), '')
    symlinkSync('precious', join(directory, 'lock'))
    const launch = new Launch().give({ lockfile: join(directory, 'lock') })
    expect(await launch.failure()).toMatch(/ERR_BGTASK_INVALID_OPTION.*symbolic link/)
    expect(readFileSync(join(directory, 'precious'), 'utf8')).toBe('')
  })
})
