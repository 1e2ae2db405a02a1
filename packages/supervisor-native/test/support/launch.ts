import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { connectSocket, encode, type PeerOptions, RpcPeer } from '@bgtask/protocol/rpc'
import { eventually, isAlive, tempDir } from '@bgtask/testkit'
import { onTestFinished } from 'vitest'
import { binary } from './native.js'

export interface LaunchOptions {
  readonly path?: string
  readonly env?: Readonly<Record<string, string>>
  readonly program?: string
}

/** A supervisor that was started by hand, without a shell that detaches it. */
export class Launch {
  readonly path: string
  readonly process: ChildProcess
  stderr = ''
  stdout = ''

  constructor({ path = tempDir(), env = {}, program = binary }: LaunchOptions = {}) {
    this.path = path
    this.process = spawn(program, [], {
      env: { PATH: '/usr/bin:/bin', BGTASK_TASKPOOL_PATH: path, BGTASK_BEHAVIOR: 'daemon', ...marks(), ...env },
      stdio: 'pipe',
    })
    this.process.stdout?.on('data', (chunk) => (this.stdout += chunk))
    this.process.stderr?.on('data', (chunk) => (this.stderr += chunk))
    this.process.stdin?.on('error', () => {})
  }

  /** Gives it the whole of its stdin: a spec with these changes, or these bytes. */
  give(changes: Record<string, unknown> | Buffer): this {
    this.process.stdin?.end(Buffer.isBuffer(changes) ? changes : encode(this.#spec(changes)))
    return this
  }

  /** The pid of the ready line. */
  async ready(): Promise<number> {
    const pid = Number(await eventually(() => /^DAEMON_PID=(\d+)$/m.exec(this.stderr)?.[1]))
    onTestFinished(async () => {
      if (isAlive(pid)) process.kill(pid, 'SIGTERM')
      await eventually(() => !isAlive(pid))
    })
    return pid
  }

  /** Its words, when the launch has failed. */
  async failure(): Promise<string> {
    if (this.process.stderr?.readableEnded === false) await once(this.process.stderr, 'end')
    return this.stderr
  }

  async exitCode(): Promise<number | null> {
    if (this.process.exitCode === null) await once(this.process, 'exit')
    return this.process.exitCode
  }

  async connect(options?: PeerOptions): Promise<RpcPeer> {
    const peer = new RpcPeer(await connectSocket(join(this.path, `${await this.ready()}.sock`)), options)
    onTestFinished(() => peer.close())
    return peer
  }

  #spec(changes: Record<string, unknown>): Record<string, unknown> {
    const taskId = randomBytes(16).toString('hex')
    return {
      v: 1,
      taskId,
      exec: ['/bin/sleep', '1000'],
      env: { PATH: '/usr/bin:/bin', BGTASK_TASKPOOL_PATH: this.path, BGTASK_COOKIE: taskId, ...marks() },
      cwd: '/',
      umask: 0o022,
      behavior: 'daemon',
      meta: {},
      maxReadBufSize: 16 * 1024 * 1024,
      overflow: 'discard',
      lockfile: null,
      stdin: 'pipe',
      stop: [{ killSignal: 'SIGKILL', waitMs: 5_000 }],
      restart: { on: 'never' },
      maxRuntimeMs: null,
      poolPath: this.path,
      access: {},
      ...changes,
    }
  }
}

/** By which whatever a test leaves running is found. */
function marks(): Record<string, string> {
  const { BGTASK_TEST_RUN } = process.env
  return BGTASK_TEST_RUN === undefined ? {} : { BGTASK_TEST_RUN }
}
