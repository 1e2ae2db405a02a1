import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import type { ErrorCode } from '@bgtask/protocol'
import { connectSocket, MAX_SOCKET_PATH_BYTES } from '@bgtask/protocol/rpc'
import { needs, pathOf, tempDir } from '@bgtask/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { listen, listenAt } from '../support/connection.js'

const coded = (code: ErrorCode, fields = {}) => expect.objectContaining({ code, ...fields })

test('connects to who listens', async () => {
  const { path, accepted } = await listen()
  const [socket, other] = await Promise.all([connectSocket(path), accepted()])
  socket.end('hello')
  const [chunk] = await once(other, 'data')
  expect(String(chunk)).toBe('hello')
  await once(socket.resume(), 'close')
})

test.each([
  ['there is nothing', () => {}, 'ENOENT'],
  ['there is a file', (path: string) => writeFileSync(path, ''), 'ECONNREFUSED'],
  ['there is a directory', (path: string) => mkdirSync(path), 'ECONNREFUSED'],
  ['nobody listens any more', abandonSocket, 'ECONNREFUSED'],
])('rejects with TaskGoneError where %s', async (_, make, cause) => {
  const path = join(tempDir(), '42.sock')
  await make(path)
  const error = coded('ERR_BGTASK_TASK_GONE', { pid: 42, path, cause: expect.objectContaining({ code: cause }) })
  await expect(connectSocket(path, { pid: 42 })).rejects.toEqual(error)
})

test('rejects with TaskGoneError where the directory is a file', async () => {
  const file = join(tempDir(), 'file')
  writeFileSync(file, '')
  await expect(connectSocket(join(file, '1.sock'))).rejects.toEqual(coded('ERR_BGTASK_TASK_GONE'))
})

/** What a supervisor that was killed leaves: Node unlinks the path that it listened at, not the one it was renamed to. */
async function abandonSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.new`)
  await once(server, 'listening')
  renameSync(`${path}.new`, path)
  server.close()
  await once(server, 'close')
}

test('takes a path of 107 bytes and refuses one of 108, which Node 20 would cut off silently', async () => {
  const directory = join(tempDir(), 'ä'.repeat(20))
  mkdirSync(directory)
  const path = join(directory, 'x'.repeat(MAX_SOCKET_PATH_BYTES - Buffer.byteLength(directory) - 1))
  const { accepted } = await listenAt(path)
  await Promise.all([accepted(), connectSocket(path).then((socket) => socket.destroy())])
  const error = coded('ERR_BGTASK_PATH_TOO_LONG', { path: `${path}x`, bytes: 108, limit: 107 })
  await expect(connectSocket(`${path}x`)).rejects.toEqual(error)
})

test.each(['', '\0abstract', '/tmp/a\0b', null as never, 5 as never])('refuses the path %j', async (path) => {
  await expect(connectSocket(path)).rejects.toEqual(coded('ERR_BGTASK_INVALID_OPTION', { got: path }))
})

test.each([
  [null, 'options'],
  [{ timeOutMs: 5 }, 'timeOutMs'],
  [{ timeoutMs: '5' }, 'timeoutMs'],
  [{ pid: '5' }, 'pid'],
])('refuses the options %j', async (options, option) => {
  await expect(connectSocket('/nowhere', options as never)).rejects.toEqual(
    coded('ERR_BGTASK_INVALID_OPTION', { option }),
  )
})

test('rejects with PermissionError where the directory is closed to us', async () => {
  const { path } = await listen()
  const connecting = asNobody(path, () => connectSocket(path))
  await expect(connecting).rejects.toEqual(coded('ERR_BGTASK_PERMISSION', { path }))
})

/** As a user who may not enter the directory; root may enter any. */
function asNobody<T>(path: string, run: () => T): T {
  if (process.getuid?.() !== 0) {
    // Our own directory: taking away the right to enter is enough.
    chmodSync(dirname(path), 0o000)
    onTestFinished(() => chmodSync(dirname(path), 0o700))
    return run()
  }
  process.seteuid?.(65_534)
  try {
    return run()
  } finally {
    process.seteuid?.(0)
  }
}

test.runIf(needs('perl'))('rejects with ProtocolError where the socket is a datagram socket', async () => {
  const path = join(tempDir(), '1.sock')
  const program =
    'socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die $!; $| = 1; print 1; <STDIN>'
  const perl = spawn(pathOf('perl'), ['-MSocket', '-e', program, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void perl.kill())
  await once(perl.stdout, 'data')
  await expect(connectSocket(path)).rejects.toEqual(coded('ERR_BGTASK_PROTOCOL'))
})

test('rejects with the reason of a signal that has aborted', async () => {
  const { path } = await listen()
  const reason = new Error('enough')
  await expect(connectSocket(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test('waits for room in the backlog of a busy listener, until its deadline, an abort or the room comes', async () => {
  const { path, resume } = await busyListener()
  const busy = coded('ERR_BGTASK_TIMEOUT', { timeoutMs: 50, what: `connecting to ${path}` })
  await expect(fillBacklog(path)).rejects.toEqual(busy)

  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = connectSocket(path, { signal: controller.signal })
  controller.abort(reason)
  await expect(aborted).rejects.toBe(reason)

  const patient = connectSocket(path)
  resume()
  const socket = await patient
  socket.destroy()
})

/** A listener that is stopped, with a backlog of 1: it accepts nobody. */
async function busyListener(): Promise<{ path: string; resume: () => void }> {
  const path = join(tempDir(), '1.sock')
  const program = `require('net').createServer().listen({ path: process.argv[1], backlog: 1 }, () => console.log('ready'))`
  const child = spawn(process.execPath, ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  return { path, resume: () => void child.kill('SIGCONT') }
}

async function fillBacklog(path: string): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const socket: Socket = await connectSocket(path, { timeoutMs: 50 })
    onTestFinished(() => void socket.destroy())
  }
}
