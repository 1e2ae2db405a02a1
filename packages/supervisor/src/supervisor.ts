import { describeSome, monotonicMs } from '@bgtask/os'
import {
  type ExitStatus,
  InvalidOptionError,
  type JsonObject,
  jsonObjectProblem,
  type LaunchSpec,
  type LiveState,
  type MethodResult,
  RemoteError,
  type SomeSurvivors,
  type StopResult,
  type StopStep,
} from '@bgtask/protocol'
import { describeRun, type Run } from './child/child-run.js'
import { PauseDetector } from './child/pause.js'
import type { StdioPipes } from './child/pipes.js'
import { startChild } from './child/start.js'
import { Stopper } from './child/stopper.js'
import type { TaskDirectory } from './directory/task-directory.js'
import { EventHub } from './events.js'
import { type Facts, initialFacts, runFacts, withSurvivors } from './facts.js'
import { exitOf } from './lifecycle/exit.js'
import { applyMergePatch } from './lifecycle/merge-patch.js'
import type { RestartDecision } from './lifecycle/restart.js'
import { RestartSchedule } from './lifecycle/restart-schedule.js'
import { Retirement } from './lifecycle/retirement.js'
import { StateKeeper } from './lifecycle/state-keeper.js'
import type { Lock } from './lock/lock.js'
import type { Log } from './log.js'
import { Condition, pollUntil } from './streams/condition.js'
import { TaskStreams } from './streams/task-streams.js'

/** What a supervisor is given by its launch. */
export interface SupervisorParts {
  readonly spec: LaunchSpec
  readonly log: Log
  /** Undefined without a lock file. */
  readonly lock: Lock | undefined
  /** Pipes for the first run that are there already. */
  readonly pipes: StdioPipes | undefined
  /** Undefined if the task keeps nothing. */
  readonly taskDirectory: TaskDirectory | undefined
  /** Leaves a task that is over to its record, if it is still over when clients have got the rest. */
  retire(): Promise<void>
  /** Puts the present state on record; throws if that fails. */
  record(supervisor: Supervisor): void
}

/** One task: its child, its streams, its state, and what may be done with them. Knows nothing of sockets and messages. */
export class Supervisor {
  readonly spec: LaunchSpec
  readonly events = new EventHub()
  readonly streams: TaskStreams
  readonly facts: Facts
  readonly #parts: SupervisorParts
  readonly #state: StateKeeper
  readonly #exits = new Condition()
  readonly #stopper: Stopper
  readonly #restarts: RestartSchedule
  readonly #pauses: PauseDetector
  readonly #retirement: Retirement
  /** The run whose child lives. */
  #current: Run | undefined
  /** A start that is under way. */
  #pendingStart: Promise<void> | undefined
  /** Why the present run is being ended by us. */
  #stopCause: 'stopped' | 'timeout' | undefined
  #runtimeTimer: NodeJS.Timeout | undefined
  #pipes: StdioPipes | undefined
  /** The child has ended, and its last output is on its way to files. */
  #flushing: Promise<void> | undefined
  /** How the run before the present one ended. */
  #exitBefore: ExitStatus | null = null

  constructor(parts: SupervisorParts) {
    this.#parts = parts
    this.spec = parts.spec
    this.#pipes = parts.pipes
    this.facts = initialFacts(parts.spec)
    this.#state = new StateKeeper(this.facts, this.events, parts.log, () => parts.record(this))
    this.#stopper = new Stopper(parts.spec.taskId)
    this.#restarts = new RestartSchedule(parts.spec.restart, () => this.#retry())
    this.#pauses = new PauseDetector(
      () => this.#current,
      (stopped) => this.#notePause(stopped),
    )
    this.#retirement = new Retirement(parts.spec.lingerMs, () => this.isOver, parts.retire)
    this.streams = new TaskStreams(parts.spec, parts.taskDirectory, {
      onEnd: () => this.#updateEof(),
      onError: (streamId, error) => this.events.emit('streamError', { streamId, message: error.message }),
      log: (words) => parts.log.write(words),
    })
  }

  /** The run whose child lives now. */
  get current(): Run | undefined {
    return this.#current
  }

  /** Nothing of it runs, is pending, or is to come, unless a client asks for it. */
  get isOver(): boolean {
    const { state, exitStatus } = this.facts
    const isQuiet = this.#pendingStart === undefined && !this.#stopper.busy && state !== 'terminating'
    return isQuiet && this.#isFinal() && exitStatus?.survivors === undefined && this.streams.isAtEnd
  }

  /** Names of the pipes of its runs, by which their holders are found. */
  get pipes(): readonly string[] {
    return this.#stopper.pipes
  }

  /** Starts the first run. @throws CommandError, and nothing is left behind. */
  start(): Promise<void> {
    return this.#track(this.#startRun())
  }

  /** The state, after a check if another process has stopped or continued the child. */
  state(): LiveState {
    this.#pauses.checkIfDue()
    return this.facts.state
  }

  /** Signals the child, or its whole tree; false if there was no process to signal. */
  async kill(killSignal: NodeJS.Signals, tree: boolean): Promise<boolean> {
    const delivered = this.#stopper.signal(killSignal, tree)
    if (delivered) await this.#pauses.checkAfter(killSignal)
    return delivered
  }

  /** Starts the child again; false while it runs or the supervisor is about to go. @throws LockHeldError, CommandError. */
  async restart(): Promise<boolean> {
    if (this.#current !== undefined || this.#pendingStart !== undefined || this.facts.state === 'terminating')
      return false
    this.#restarts.reset()
    return await this.#startAgain(() => this.facts.state !== 'terminating')
  }

  /** Ends the child and its tree; the supervisor stays. */
  async stop(
    steps: readonly StopStep[] = this.spec.stop,
    cause: 'stopped' | 'timeout' = 'stopped',
  ): Promise<StopResult> {
    // A child that is being started now would escape. The caller that asked for the start gets its failure.
    await this.#pendingStart?.catch(() => {})
    // Not before: a start that failed may have another one follow.
    if (cause === 'stopped') this.#cancelRestart()
    if (this.#stopCause !== 'stopped') this.#stopCause = cause
    const survivors = describeSome(await this.#stopper.stop(steps))
    await this.#flushing
    this.#noteSurvivors(survivors)
    this.#releaseLockIfFinal()
    return { exitStatus: this.facts.exitStatus, ...survivors }
  }

  /** The same, and no restart can follow. */
  async terminate(steps?: readonly StopStep[]): Promise<StopResult> {
    if (this.facts.state !== 'terminating') {
      this.#cancelRestart()
      this.#state.become('terminating')
      this.#state.commit()
      this.events.emit('terminating', {})
    }
    const result = await this.stop(steps)
    await this.streams.close()
    this.#updateEof()
    return result
  }

  /** Merges a patch into meta; resolves with the whole once it is on record. */
  applyMeta(patch: JsonObject): JsonObject {
    const before = this.facts.meta
    const meta = applyMergePatch(before, patch)
    const problem = jsonObjectProblem(meta)
    if (problem !== undefined)
      throw new InvalidOptionError('patch', patch, `makes meta too large or unfit for JSON: ${problem}`)
    this.facts.meta = meta
    try {
      this.#parts.record(this)
    } catch (cause) {
      this.facts.meta = before
      throw new RemoteError('NOT_RECORDED', `meta was not changed, its record cannot be written: ${String(cause)}`)
    }
    this.events.emit('metaChange', { meta })
    return meta
  }

  /** Level-triggered: with `run` the end of that run or a later one, else the exit after which no restart is pending. */
  waitExit(run: number | undefined, waitMs: number, signal: AbortSignal): Promise<MethodResult<'waitExit'>> {
    const poll = () => {
      const facts = { ...this.facts, isFinal: this.#isFinal(), isRunning: this.#current !== undefined }
      return exitOf(facts, this.#exitBefore, run)
    }
    return pollUntil(this.#exits, poll, waitMs, signal)
  }

  async #startRun(): Promise<void> {
    const pipes = this.#pipes
    this.#pipes = undefined
    this.#parts.lock?.nameChild(undefined)
    const child = await startChild(this.spec, pipes)
    // Before anything that waits: an exit must find its listener.
    child.process.once('exit', (code, signal) => this.#ended(run, code, signal))
    child.process.on('error', (error) => this.#parts.log.write(`child: ${error.message}`))
    const run = describeRun(this.facts.run + 1, child)
    this.#current = run
    this.#stopCause = undefined
    this.#stopper.follow(run)
    if (run.number > 1) this.facts.restarts += 1
    this.#exitBefore = this.facts.exitStatus
    Object.assign(this.facts, runFacts(run, child.stdio))
    this.streams.attach(child)
    this.#state.become('started')
    this.#limitRuntime(run)
    this.#parts.lock?.nameChild(run)
    this.#state.commit()
    this.events.emit('childStart', { run: run.number, pid: run.pid })
    this.#parts.log.debug(() => `run ${run.number}: started ${JSON.stringify(this.spec.exec)} as ${run.pid}`)
  }

  #ended(run: Run, code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#runtimeTimer)
    this.streams.drain()
    this.#stopper.childEnded()
    this.streams.stdin.detach()
    this.#flushing = this.streams.flush()?.then(() => this.#noteExit(run, code, signal))
    if (this.#flushing === undefined) this.#noteExit(run, code, signal)
  }

  #noteExit(run: Run, code: number | null, signal: NodeJS.Signals | null): void {
    const cause = this.#stopCause ?? (signal === null ? 'exit' : 'signal')
    const status: ExitStatus = { exitCode: code, signal, cause }
    Object.assign(this.facts, {
      exitedAt: Date.now(),
      exitStatus: status,
      exitOffsets: this.streams.endOffsets(),
    } satisfies Partial<Facts>)
    this.#current = undefined
    this.#retirement.noteEnd()
    const decision = this.#decide(status, monotonicMs() - run.startedMs)
    this.#apply(decision)
    this.#announceExit(run, status, decision.action === 'restart')
  }

  #decide(status: ExitStatus, ranMs: number): RestartDecision {
    if (this.#stopCause === 'stopped' || this.facts.state === 'terminating') return { action: 'done' }
    return this.#restarts.next(status, ranMs)
  }

  #apply(decision: RestartDecision): void {
    if (decision.action === 'restart') {
      this.facts.nextStartAt = Date.now() + decision.delayMs
      this.#state.become('retrying')
      return
    }
    if (decision.action === 'giveUp') this.facts.failure ??= `gave up after ${this.#restarts.inARow} restarts in a row`
    this.#state.become(decision.action === 'giveUp' ? 'gaveUp' : 'ended')
  }

  /** Records the exit before it emits it: a subscriber that gets the event finds the exit in the directory. */
  #announceExit(run: Run, exitStatus: ExitStatus, willRestart: boolean): void {
    const recorded = this.#noteEnd()
    const exitOffsets = this.facts.exitOffsets ?? { 1: 0, 2: 0 }
    this.events.emit('childExit', { run: run.number, exitStatus, exitOffsets, willRestart, recorded })
    this.#parts.log.debug(() => `run ${run.number} ended: ${JSON.stringify(exitStatus)}`)
  }

  #retry(): void {
    // A failure is handled where it happens; no caller waits for this start.
    this.#startAgain(() => this.facts.state === 'backoff').catch(() => {})
  }

  /** A start after the first one, if it is `stillWanted` when all leftovers of the run before are gone. */
  async #startAgain(stillWanted: () => boolean): Promise<boolean> {
    let started = false
    const attempt = async () => {
      // What is being ended now would take a new run with it.
      await this.#stopper.idle()
      if (!stillWanted()) return
      try {
        // Another task may hold the lock by now.
        this.#parts.lock?.retake()
        this.#state.become('starting')
        this.#state.commit()
        await this.#startRun()
        started = true
      } catch (error) {
        this.#startFailed(error as Error)
        throw error
      }
    }
    await this.#track(attempt())
    return started
  }

  async #track(start: Promise<void>): Promise<void> {
    this.#pendingStart = start
    try {
      await start
    } finally {
      this.#pendingStart = undefined
      this.#retirement.consider()
    }
  }

  #startFailed(error: Error): void {
    this.#parts.log.write(`cannot start the child again: ${error.message}`)
    this.facts.failure = error.message
    if (this.facts.state === 'starting') this.#apply(this.#restarts.nextAfterFailedStart())
    this.#noteEnd()
  }

  #cancelRestart(): void {
    this.#restarts.cancel()
    if (this.facts.state !== 'backoff') return
    this.facts.nextStartAt = null
    this.#state.become('cancelled')
    this.#noteEnd()
  }

  /** No child runs: records that, then wakes the waiting callers. Returns whether it was recorded. */
  #noteEnd(): boolean {
    const recorded = this.#state.commit()
    this.#releaseLockIfFinal()
    this.#updateEof()
    this.#exits.wake()
    return recorded
  }

  #noteSurvivors(some: SomeSurvivors): void {
    const { exitStatus } = this.facts
    if (exitStatus === null || (some.survivors.length === 0 && exitStatus.survivors === undefined)) return
    this.facts.exitStatus = withSurvivors(exitStatus, some)
    this.#state.commit()
  }

  #limitRuntime(run: Run): void {
    const { maxRuntimeMs, stop } = this.spec
    if (maxRuntimeMs === null) return
    this.#runtimeTimer = setTimeout(() => {
      if (this.#current !== run) return
      this.stop(stop, 'timeout').catch((error) => this.#parts.log.write(`maxRuntimeMs: cannot stop: ${error}`))
    }, maxRuntimeMs)
  }

  /** Once nothing runs, nothing is being stopped and no start is pending, a successor may take the lock. */
  #releaseLockIfFinal(): void {
    if (this.#isFinal() && !this.#stopper.busy) this.#parts.lock?.release()
    this.#retirement.consider()
  }

  #isFinal(): boolean {
    const { state } = this.facts
    return this.#current === undefined && (state === 'exited' || state === 'failed' || state === 'terminating')
  }

  #updateEof(): void {
    for (const streamId of this.streams.updateEof(this.#isFinal())) {
      this.events.emit('streamEof', { streamId, endOffset: this.streams.output(streamId).endOffset })
    }
    this.#retirement.consider()
  }

  #notePause(stopped: boolean): void {
    const { state } = this.facts
    if ((state !== 'running' && state !== 'paused') || stopped === (state === 'paused')) return
    this.#state.become(stopped ? 'paused' : 'resumed')
    this.#state.commit()
  }
}
