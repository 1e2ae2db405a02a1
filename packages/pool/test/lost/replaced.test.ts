import { execFileSync } from 'node:child_process'
import { chownSync, copyFileSync, existsSync, lutimesSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { logFileName, recordFileName } from '@bgtask/os'
import { TaskPool } from '@bgtask/pool'
import { needs, pathOf, tempDir } from '@bgtask/testkit'
import { describe, expect, test } from 'vitest'
import { idleProcess, kill, recordOf, writeRecord } from '../support/records.js'

// A user who owns the directory above a pool can put a link to another directory in its place at any time.

const BOB = 12_003

/** BOB's pool in BOB's directory, a directory of root's with files of the same names, and BOB's way to swap them. */
async function twoDirectories() {
  const [home, rootsPath] = [tempDir(), tempDir()]
  const path = join(home, 'pool')
  mkdirSync(path)
  const supervisor = await idleProcess()
  const record = writeRecord(path, recordOf(supervisor.pid))
  await kill(supervisor)
  for (const entry of [home, path, record]) chownSync(entry, BOB, BOB)
  copyFileSync(record, join(rootsPath, basename(record)))
  const swap = () => {
    const asBob = [`--reuid=${BOB}`, `--regid=${BOB}`, '--clear-groups', '/bin/sh', '-c']
    execFileSync(pathOf('setpriv'), [...asBob, 'mv "$1" "$1.old" && ln -s "$2" "$1"', 'sh', path, rootsPath])
  }
  return { pool: new TaskPool({ path }), rootsPath, record: basename(record), pid: supervisor.pid, swap }
}

function writeOld(path: string): void {
  writeFileSync(path, '')
  lutimesSync(path, 1, 1)
}

describe.runIf(needs('root', 'setpriv'))('when another user replaces the directory of a pool by a link', () => {
  test("during a sweep, the sweep of root removes no file of root's elsewhere", async () => {
    const { pool, rootsPath, pid, swap } = await twoDirectories()
    // Its pid is above all others, so it is last.
    const log = logFileName(4_194_304)
    for (const directory of [pool.path, rootsPath]) writeOld(join(directory, log))
    writeFileSync(join(pool.path, recordFileName(pid, '0123456789abcdef')), '{')
    let swaps = 0
    await pool.sweep({ onError: () => void (swaps++ === 0 && swap()) })
    expect(swaps).toBe(1)
    expect(existsSync(join(rootsPath, log))).toBe(true)
    // It goes on in the directory that it began with.
    expect(existsSync(join(`${pool.path}.old`, log))).toBe(false)
  })

  test("after a task was found lost, its removal by root removes no file of root's elsewhere", async () => {
    const { pool, rootsPath, record, pid, swap } = await twoDirectories()
    writeOld(join(rootsPath, logFileName(pid)))
    const [lost] = await pool.lost()
    swap()
    await expect(lost?.remove()).rejects.toMatchObject({ code: 'ERR_BGTASK_POOL_DIR' })
    expect(existsSync(join(rootsPath, record))).toBe(true)
    expect(existsSync(join(rootsPath, logFileName(pid)))).toBe(true)
  })
})

test('removing a lost task leaves a record that was written after the task was found', async () => {
  const pool = new TaskPool({ path: tempDir() })
  const supervisor = await idleProcess()
  const record = recordOf(supervisor.pid)
  const path = writeRecord(pool.path, record)
  await kill(supervisor)
  const [lost] = await pool.lost()
  copyFileSync(path, `${path}.x`)
  execFileSync('mv', [`${path}.x`, path])
  await expect(lost?.remove()).rejects.toMatchObject({ code: 'ERR_BGTASK_PERMISSION' })
  expect(existsSync(path)).toBe(true)
})

test('removing a lost task twice, or after its pool is gone, is no error', async () => {
  const path = join(tempDir(), 'pool')
  const pool = new TaskPool({ path, mkdirIfMissing: true })
  const supervisor = await idleProcess()
  writeRecord(path, recordOf(supervisor.pid))
  await kill(supervisor)
  const [lost] = await pool.lost()
  await lost?.remove()
  await lost?.remove()
  execFileSync('rmdir', [path])
  await lost?.remove()
})
