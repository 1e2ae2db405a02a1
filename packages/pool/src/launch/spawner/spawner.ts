import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { encodeFrame, type Frame, FrameKind, FrameReader } from './frames.js'
import { SpawnedSupervisor, type SpawnerLink, type SupervisorListener } from './spawned-supervisor.js'
import { encodeLaunch, type SpawnerLaunch } from './spawner-launch.js'

/**
 * A process that starts supervisors for this one. Node forks the caller for each process that it starts, which blocks the event
 * loop for milliseconds, and the longer the more memory the caller has; a frame on a socket takes microseconds.
 *
 * The supervisors get the user, groups, limits, niceness, session and process group that this process had when the spawner was
 * started. Whoever uses one starts another spawner when these have changed.
 */
export class Spawner {
  readonly #process: ChildProcess | undefined
  readonly #socket: Socket | undefined
  readonly #reader = new FrameReader()
  readonly #supervisors = new Map<number, SpawnedSupervisor>()
  readonly #link: SpawnerLink = {
    send: (frame) => this.#send(frame),
    forget: (id) => this.#forget(id),
    refChanged: () => this.#updateRef(),
  }
  #lastId = 0
  #isCorked = false
  #reason: string | undefined

  /**
   * Starts it; a failure to do so ends each launch.
   *
   * @param program the native supervisor, as an absolute path.
   */
  constructor(program: string) {
    this.#process = this.#startProcess(program)
    this.#process?.once('error', (error) => this.#fail(error.message))
    this.#process?.once('exit', (code, signal) => this.#fail(`the spawner ended with ${signal ?? `status ${code}`}`))
    // Without descriptors for it there are no streams at all.
    this.#socket = this.#process?.stdio?.[3] as Socket | undefined
    this.#socket?.on('error', (error) => this.#fail(error.message))
    this.#socket?.once('close', () => this.#fail('the spawner has closed its socket'))
    this.#socket?.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#updateRef()
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Whether it can start nothing any more: it ended, or was closed. */
  get isGone(): boolean {
    return this.#reason !== undefined
  }

  /**
   * Asks for a supervisor. What comes of it the listener learns, never before this method has returned.
   *
   * @throws TypeError if one of the strings holds a NUL byte.
   */
  start(launch: SpawnerLaunch, listener: SupervisorListener): SpawnedSupervisor {
    const payload = encodeLaunch(launch)
    this.#lastId = (this.#lastId + 1) >>> 0
    const id = this.#lastId
    const supervisor = new SpawnedSupervisor(id, this.#link, listener)
    this.#supervisors.set(id, supervisor)
    this.#updateRef()
    this.#send(encodeFrame(FrameKind.launch, id, payload))
    const reason = this.#reason
    if (reason !== undefined) process.nextTick(() => supervisor.fail({ kind: 'spawner-gone', reason }))
    return supervisor
  }

  /** Ends it. Launches that are not ready are undone, as if this process had ended. */
  close(): void {
    this.#fail('the spawner was closed')
  }

  #startProcess(program: string): ChildProcess | undefined {
    try {
      return spawn(program, ['--spawner'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    } catch (error) {
      this.#reason = (error as Error).message
      return undefined
    }
  }

  #receive(chunk: Buffer): void {
    for (const frame of this.#framesOf(chunk)) this.#supervisors.get(frame.id)?.receive(frame)
  }

  #framesOf(chunk: Buffer): readonly Frame[] {
    try {
      return this.#reader.push(chunk)
    } catch (error) {
      this.#fail((error as Error).message)
      return []
    }
  }

  /** What is sent in one turn goes in one system call. */
  #send(frame: Buffer): void {
    if (this.#reason !== undefined || this.#socket === undefined) return
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#isCorked = false
        this.#socket?.uncork()
      })
    }
    this.#socket.write(frame)
  }

  #fail(reason: string): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#socket?.destroy()
    for (const supervisor of [...this.#supervisors.values()]) supervisor.fail({ kind: 'spawner-gone', reason })
  }

  #forget(id: number): void {
    this.#supervisors.delete(id)
    this.#updateRef()
  }

  /** It keeps this program alive only while a launch does. */
  #updateRef(): void {
    const method = [...this.#supervisors.values()].some(({ keepsAlive }) => keepsAlive) ? 'ref' : 'unref'
    this.#process?.[method]()
    this.#socket?.[method]()
  }
}
