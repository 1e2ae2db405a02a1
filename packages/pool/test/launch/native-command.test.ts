import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { needs, tempDir } from '@bgtask/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  locateNativeSupervisor,
  type NativeSearch,
  type NativeSupervisor,
  tryNativeSupervisor,
} from '../../src/launch/native-command.js'

const built = resolve(import.meta.dirname, `../../../supervisor-linux-${process.arch}/bgtask-supervisor`)
const linux = { platform: 'linux', arch: process.arch }

async function findNativeSupervisor(search: NativeSearch): Promise<NativeSupervisor> {
  const found = locateNativeSupervisor(search)
  return found.program === undefined ? found : tryNativeSupervisor(found.program)
}

/** An app with the package for this platform installed, which holds this as its program. */
function appWith(program: string | Buffer, mode = 0o755): { from: string; file: string } {
  const directory = realpathSync(tempDir())
  const packages = join(directory, 'node_modules/@bgtask')
  const file = join(packages, `supervisor-linux-${process.arch}/bgtask-supervisor`)
  for (const path of [join(packages, 'supervisor/package.json'), file]) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, path === file ? program : '{}')
  }
  chmodSync(file, mode)
  return { from: join(directory, 'app.js'), file }
}

/** A program of this machine with some of its bytes replaced by as many others. */
function patched(change: (bytes: Buffer) => void): Buffer {
  const bytes = readFileSync('/bin/true')
  change(bytes)
  return bytes
}

describe('the search for a native supervisor', () => {
  test.each([
    { platform: 'darwin', arch: 'arm64' },
    { platform: 'linux', arch: 'riscv64' },
  ])('ends at once on $platform-$arch', async ({ platform, arch }) => {
    expect(await findNativeSupervisor({ platform, arch })).toEqual({
      program: undefined,
      problem: 'platform',
      reason: `there is no native supervisor for ${platform}-${arch}`,
    })
  })

  test('names the package that is not installed', async () => {
    const arch = process.arch === 'x64' ? 'arm64' : 'x64'
    expect(await findNativeSupervisor({ platform: 'linux', arch, from: join(tempDir(), 'app.js') })).toMatchObject({
      problem: 'missing',
      reason: `the package @bgtask/supervisor-linux-${arch} is not installed`,
    })
  })

  test.runIf(existsSync(built))('finds the build of a clone, and the software that it is', async () => {
    expect(await findNativeSupervisor(linux)).toEqual({
      program: built,
      software: expect.stringMatching(/^@bgtask\/supervisor-native\/\d+\.\d+\.\d+$/),
    })
  })

  test.runIf(existsSync(built))('takes the package for the platform', async () => {
    const { from, file } = appWith(readFileSync(built))
    expect(await findNativeSupervisor({ ...linux, from })).toMatchObject({ program: file })
  })

  test('reports a program that its mode does not let be executed', async () => {
    const { from, file } = appWith('#!/bin/sh\n', 0o644)
    const found = await findNativeSupervisor({ ...linux, from })
    expect(found).toMatchObject({ problem: 'not-executable', reason: expect.stringContaining(file) })
  })

  test.runIf(needs('root'))('reports a file system that is mounted with noexec', async () => {
    const { from, file } = appWith('')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec', 'none', dirname(file)])
    onTestFinished(() => void execFileSync('umount', [dirname(file)]))
    copyFileSync('/bin/true', file)
    chmodSync(file, 0o755)
    expect(await findNativeSupervisor({ ...linux, from })).toMatchObject({
      problem: 'not-executable',
      reason: expect.stringContaining('noexec'),
    })
  })

  test.each([
    {
      what: 'of another C library',
      program: patched((bytes) => bytes.write('/lib/no-such-', bytes.indexOf('/lib'))),
      reason: 'its dynamic loader is missing, it was built for another C library',
    },
    {
      what: 'that a filter of system calls ends',
      program: '#!/bin/sh\nkill -s SYS $$\n',
      reason: 'a filter of system calls (seccomp) ended it',
    },
    { what: 'that crashes', program: '#!/bin/sh\nkill -s SEGV $$\n', reason: 'SIGSEGV ended it' },
    { what: 'that fails', program: '#!/bin/sh\necho no >&2\nexit 3\n', reason: 'it has ended with status 3: no\n' },
    {
      what: 'that is something else',
      program: '#!/bin/sh\necho hello\n',
      reason: 'it is not the native supervisor, --version prints "hello\\n"',
    },
  ])('reports a program $what', async ({ program, reason }) => {
    const { from, file } = appWith(program)
    expect(await findNativeSupervisor({ ...linux, from })).toEqual({
      program: undefined,
      problem: 'does-not-run',
      reason: `${file} does not run here: ${reason}`,
    })
  })
})
