import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allPids } from '@bgtask/os'
import { processesWith } from '../processes.js'
import type { LaunchReport } from '../scripted-supervisor.js'
import { until, within } from '../waiting.js'

/** How a driver ended. */
export interface Driven {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Where one check of a launcher or reader works: a pool's directory, the driver, and scripted supervisors. */
export class ClientBench {
  readonly path: string
  readonly #root: string
  readonly #driverCmd: readonly string[]
  readonly #others = new Set(allPids())
  readonly #mark: string
  readonly #children: ChildProcess[] = []
  #reports = 0

  constructor(driverCmd: readonly string[]) {
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), 'bgc-')))
    this.path = join(this.#root, 'pool')
    mkdirSync(this.path, { mode: 0o700 })
    this.#driverCmd = driverCmd
    this.#mark = `BGTASK_CONFORMANCE=${this.#root}`
  }

  /** By it what a check started is found. */
  get env(): Record<string, string> {
    return { BGTASK_CONFORMANCE: this.#root }
  }

  beside(name: string): string {
    return join(this.#root, name)
  }

  /** Runs the driver to its end. */
  async drive(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Driven> {
    const [program = '', ...words] = [...this.#driverCmd, ...args]
    const child = spawn(program, words, {
      env: { ...process.env, ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.push(child)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    return { code: await within(ended, `the end of ${args[0]}`, DRIVER_MS), stdout, stderr }
  }

  /** argv of a scripted supervisor, and what it will have seen. */
  scripted(part: string): { cmd: string[]; report: () => Promise<LaunchReport>; file: string } {
    this.#reports += 1
    const file = this.beside(`report-${this.#reports}`)
    const program = createRequire(import.meta.url).resolve('@bgtask/conformance/scripted-supervisor')
    const report = async () => {
      await until(() => existsSync(file), 'the start of the scripted supervisor')
      return JSON.parse(readFileSync(file, 'utf8')) as LaunchReport
    }
    return { cmd: [process.execPath, program, part, file], report, file }
  }

  /** Spawns through the driver. */
  spawn(part: string, { behavior = 'daemon', timeoutMs = 10_000, env = {} } = {}) {
    const { cmd, report, file } = this.scripted(part)
    const driven = this.drive(['spawn', this.path, behavior, String(timeoutMs), ...cmd], env)
    return { driven, report, file }
  }

  /** The tasks that the driver lists: pid by taskId. */
  async list(): Promise<Map<string, number>> {
    const { code, stdout, stderr } = await this.drive(['list', this.path])
    if (code !== 0) throw new Error(`list ended with ${code}: ${stderr.trim()}`)
    const lines = stdout.split('\n').filter(Boolean)
    return new Map(lines.map((line) => line.split(' ')).map(([pid, taskId]) => [taskId ?? '', Number(pid)]))
  }

  async end(): Promise<void> {
    await until(() => {
      const left = processesWith(this.#mark, this.#others)
      for (const pid of left) kill(pid)
      return left.length === 0
    }, 'the processes of the check are gone')
    rmSync(this.#root, { recursive: true, force: true })
  }
}

/** A driver may take the time of its own launch deadline and more. */
const DRIVER_MS = 28_000

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went by itself.
  }
}
