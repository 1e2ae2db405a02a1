import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { allPids, POOL_PATH_VARIABLE } from '@bgtask/os'
import { type SpawnOptions, TaskPool } from '@bgtask/pool'
import type { LaunchSpec } from '@bgtask/protocol'
import { Client, RawClient } from './client.js'
import { Launch, type LaunchOptions } from './launch.js'
import { processesWith } from './processes.js'
import { encodeSpec, KILL, makeSpec } from './spec.js'
import { Trace } from './trace.js'
import { until } from './waiting.js'

/** Characters of each log that are worth reading after a check that failed. */
const MAX_WORDS = 2_000

/** Where one check works: a pool's directory of its own, the supervisor under test, and what was started with it. */
export class Bench {
  readonly supervisorCmd: readonly string[]
  readonly pool: TaskPool
  /** What was sent and received last. */
  readonly trace = new Trace()
  readonly #launches: Launch[] = []
  readonly #root: string
  readonly #closing: (() => void)[] = []
  readonly #ending = new AbortController()
  /** Launches, which may be under way when the check ends early. */
  readonly #spawning: Promise<unknown>[] = []
  /** Were there before, so they are not of this check: on a busy machine most of all processes. */
  readonly #others = new Set(allPids())

  constructor(supervisorCmd: readonly string[] | undefined) {
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), 'bgc-')))
    this.pool = new TaskPool({ path: join(this.#root, 'pool'), mkdirIfMissing: { mode: 0o700 }, supervisorCmd })
    this.supervisorCmd = this.pool.supervisorCmd
  }

  /** The pool's directory. */
  get path(): string {
    return this.pool.path
  }

  /** Names in the pool's directory. */
  files(): string[] {
    return readdirSync(this.path).sort()
  }

  /** What the supervisors of this check wrote to stderr and to their logs, for a check that failed. */
  lastWords(): string {
    const logs = existsSync(this.path) ? this.files().filter((name) => name.endsWith('.out')) : []
    const words = [
      ...this.#launches.map(({ stderr }) => stderr.replace(/^DAEMON_PID=\d+\n/m, '')),
      ...logs.map((name) => readFileSync(join(this.path, name), 'utf8')),
    ]
    return words
      .map((text) => text.trim().slice(-MAX_WORDS))
      .filter(Boolean)
      .join('\n')
  }

  /** A path beside the pool's directory, for files of the check. */
  beside(name: string): string {
    return join(this.#root, name)
  }

  /** Starts a task through the pool; its steps are a SIGKILL unless given. */
  spawn(options: SpawnOptions): Promise<Task> {
    this.#checkOpen()
    const spawning = this.pool.spawn({ stop: KILL, signal: this.#ending.signal, ...options })
    this.#spawning.push(spawning.catch(() => {}))
    return spawning
  }

  /** Starts a task through the pool, and connects to it. */
  async task(options: SpawnOptions): Promise<Client> {
    const task = await this.spawn(options)
    return this.connect(task.pid)
  }

  /** Starts a supervisor by hand, with an empty stdin that is still open. */
  start(options?: LaunchOptions): Launch {
    this.#checkOpen()
    const launch = new Launch(this.supervisorCmd, this.path, options)
    this.#launches.push(launch)
    return launch
  }

  /** Starts a supervisor by hand and gives it a spec. */
  launch(changes?: Partial<LaunchSpec> & Record<string, unknown>, options?: LaunchOptions): Launch {
    const behavior = options?.behavior ?? changes?.behavior
    const spec = makeSpec(this.path, { ...changes, ...(behavior !== undefined && { behavior }) })
    return this.start({ ...options, behavior }).give(encodeSpec(spec))
  }

  async connect(pid: number): Promise<Client> {
    const client = await Client.connect(this.pool.socketPath(pid), this.trace)
    this.after(() => client.close())
    return client
  }

  raw(client: Client): RawClient {
    const raw = new RawClient(client.path, this.trace)
    this.after(() => raw.socket.destroy())
    return raw
  }

  /** Something to do when the check is over. */
  after(close: () => void): void {
    this.#closing.push(close)
  }

  /** Every process of this check, supervisors and children: all carry the path of the pool in their environment. */
  processes(): number[] {
    return processesWith(`${POOL_PATH_VARIABLE}=${this.path}`, this.#others)
  }

  /** Nothing of a task or a launch is left: no process, no file. */
  async nothingLeft(what: string): Promise<void> {
    const left = () => [...this.processes().map((pid) => `pid ${pid}`), ...this.files()]
    await until(() => left().length === 0, `nothing is left after ${what}`).catch((error) => {
      throw new Error(`${error.message}, but ${left().join(', ')}`)
    })
  }

  /** Ends whatever the check left, however it went. */
  async end(): Promise<void> {
    this.#ending.abort()
    for (const close of this.#closing) close()
    await Promise.all(this.#spawning)
    await until(() => {
      const left = this.processes()
      for (const pid of left) kill(pid)
      return left.length === 0
    }, 'the processes of the check are gone')
    rmSync(this.#root, { recursive: true, force: true })
  }

  /** A check that was ended early continues without knowing it, and must not start what would not be ended. */
  #checkOpen(): void {
    if (this.#ending.signal.aborted) throw new Error('the check is over')
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went by itself.
  }
}
