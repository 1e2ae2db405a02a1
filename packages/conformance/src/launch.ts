import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { BEHAVIOR_VARIABLE, LAUNCH_VARIABLE, POOL_PATH_VARIABLE, withoutTaskVariables } from '@bgtask/os'
import { within } from './waiting.js'

/** How a launch differs from the usual one. */
export interface LaunchOptions {
  /** argv put in front of the supervisor's. */
  readonly before?: readonly string[]
  readonly behavior?: 'foreground' | 'background' | 'daemon'
  /** Fds from 3 on that a careless launcher leaks. */
  readonly leaked?: readonly number[]
  /** An open file as stdin, instead of the usual socket. */
  readonly stdin?: number
  /** The supervisor is to detach itself (feature `detach`). */
  readonly detaches?: boolean
}

/** A supervisor that was started by hand, as its launcher sees it. */
export class Launch {
  readonly process: ChildProcess
  /** Everything it wrote to the stderr and stdout that it was given. */
  stderr = ''
  stdout = ''
  readonly #exit: Promise<unknown[]>
  readonly #stdoutEnd: Promise<unknown>
  readonly #stderrEnd: Promise<unknown>
  readonly #onWords = new Set<() => void>()

  constructor(supervisorCmd: readonly string[], poolPath: string, options: LaunchOptions = {}) {
    const behavior = options.behavior ?? 'daemon'
    const [program = '', ...args] = [...(options.before ?? []), ...supervisorCmd]
    const env = {
      ...withoutTaskVariables(process.env),
      [POOL_PATH_VARIABLE]: poolPath,
      [BEHAVIOR_VARIABLE]: behavior,
      [LAUNCH_VARIABLE]: randomBytes(16).toString('hex'),
      NODE_OPTIONS: undefined,
      ...(options.detaches && { BGTASK_DETACH: '1' }),
    }
    const stdio: SpawnOptions['stdio'] = [options.stdin ?? 'pipe', 'pipe', 'pipe', ...(options.leaked ?? [])]
    this.process = spawn(program, args, { env, stdio, detached: behavior === 'daemon' && !options.detaches })
    this.#exit = once(this.process, 'exit')
    this.#exit.catch(() => {})
    this.process.stdin?.on('error', () => {})
    const { stdout, stderr } = this.process
    if (stdout === null || stderr === null) throw new Error(`${program} cannot be started`)
    // Once it has no reader a pipe "ends" too, so the first of both.
    this.#stderrEnd = Promise.race([once(stderr, 'end'), once(stderr, 'close')])
    this.#stdoutEnd = Promise.race([once(stdout, 'end'), once(stdout, 'close')])
    stdout.on('data', (chunk) => {
      this.stdout += chunk
    })
    stderr.on('data', (chunk) => {
      this.stderr += chunk
      for (const look of this.#onWords) look()
    })
  }

  /** Gives it the whole of its stdin. */
  give(bytes: Uint8Array): this {
    this.process.stdin?.end(bytes)
    return this
  }

  /** The pid of the ready line. */
  async ready(): Promise<number> {
    const pid = new Promise<number>((resolve) => {
      const look = () => {
        const found = this.readyPid()
        if (found !== undefined) resolve(found)
      }
      this.#onWords.add(look)
      look()
    })
    const failed = this.#stderrEnd.then(() => {
      const found = this.readyPid()
      if (found !== undefined) return found
      throw new Error(`the launch failed: ${this.stderr.trim() || 'stderr ended without a word'}`)
    })
    failed.catch(() => {})
    return within(Promise.race([pid, failed]), 'the line DAEMON_PID=… on stderr')
  }

  /** The pid of the ready line, if there was one so far. */
  readyPid(): number | undefined {
    const match = /^DAEMON_PID=([1-9]\d*)$/m.exec(this.stderr)
    return match === null ? undefined : Number(match[1])
  }

  async stderrEnd(): Promise<void> {
    await within(this.#stderrEnd, 'the end of stderr, which a process keeps open')
  }

  async stdoutEnd(): Promise<void> {
    await within(this.#stdoutEnd, 'the end of stdout, which a process keeps open')
  }

  /** How the process that was started ended. */
  async exit(): Promise<{ code: number | null; signal: string | null }> {
    const [code, signal] = await within(this.#exit, 'the exit of the supervisor')
    return { code: code as number | null, signal: signal as string | null }
  }
}
