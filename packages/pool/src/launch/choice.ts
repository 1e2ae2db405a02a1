import { InvalidOptionError, isBgTaskError, RemoteError } from '@bgtask/protocol'
import type { SupervisorCommand } from './command.js'
import {
  locateNativeSupervisor,
  type NativeProblem,
  type NativeSupervisor,
  tryNativeSupervisor,
} from './native-command.js'
import { nodeSupervisorCmd } from './node-command.js'

/** Which of the two supervisors of this project a pool uses: `auto` is the native one if it is there and runs, else the one in Node. */
export type SupervisorKind = 'auto' | 'native' | 'node'

export const SUPERVISOR_KINDS: readonly string[] = ['auto', 'native', 'node'] satisfies SupervisorKind[]

/** Replaces the default of the option `supervisor`. */
const VARIABLE = 'BGTASK_SUPERVISOR'

/** The supervisor that a pool starts now, and why. */
export interface ChosenSupervisor {
  readonly kind: SupervisorCommand['kind']
  readonly argv: readonly string[]
  readonly reason: string
  /** Why the native supervisor is not used although it is installed. */
  readonly problem?: NativeProblem
}

/**
 * Decides which supervisor a pool starts. The native one is not tried before it is used, since that takes as long as a launch: if a
 * launch fails without a word of the supervisor's, it is tried then.
 */
export class SupervisorChoice {
  readonly #kind: SupervisorKind
  readonly #asked: string
  #native: NativeSupervisor | undefined
  #tried: Promise<NativeSupervisor> | undefined
  #hasWarned = false

  /** @throws InvalidOptionError if `BGTASK_SUPERVISOR` is not one of the kinds. */
  constructor(option: SupervisorKind | undefined) {
    const variable = process.env[VARIABLE] || undefined
    if (option === undefined && variable !== undefined && !SUPERVISOR_KINDS.includes(variable))
      throw new InvalidOptionError(VARIABLE, variable, `must be one of ${SUPERVISOR_KINDS.join(', ')}`)
    this.#kind = option ?? (variable as SupervisorKind | undefined) ?? 'auto'
    if (option !== undefined) this.#asked = `the option supervisor is ${option}`
    else this.#asked = variable === undefined ? 'no other is asked for' : `${VARIABLE} is ${variable}`
  }

  /** @throws InvalidOptionError if the supervisor is not installed. */
  command(): SupervisorCommand {
    const native = this.#kind === 'node' ? undefined : this.#located()
    if (native?.program !== undefined) return { kind: 'native', argv: [native.program], detaches: true }
    if (this.#kind === 'native') throw unusable(native?.reason)
    if (native !== undefined && isInstalled(native)) this.#warn(native.reason)
    return { kind: 'node', argv: nodeSupervisorCmd(), detaches: false }
  }

  /** The program that can be a spawner for supervisors that detach. */
  spawnerProgram(): string | undefined {
    return this.#kind === 'node' ? undefined : this.#located().program
  }

  /**
   * After a launch with the native supervisor failed: whether another one is to be started now, since that one does not run here.
   *
   * @throws InvalidOptionError with the reason if the native one is demanded.
   */
  async canReplace({ kind }: SupervisorCommand, error: unknown): Promise<boolean> {
    if (kind !== 'native' || !isSilent(error)) return false
    const native = await this.#try()
    if (native.program !== undefined) return false
    if (this.#kind === 'native') throw unusable(native.reason, error)
    return true
  }

  /** Tries the native supervisor, if it is to be used. */
  async describe(): Promise<ChosenSupervisor> {
    const native = this.#kind === 'node' ? undefined : await this.#try()
    const { kind, argv } = this.command()
    if (native === undefined) return { kind, argv, reason: this.#asked }
    if (native.program !== undefined) return { kind, argv, reason: `${native.software}, ${this.#asked}` }
    const { reason, problem } = native
    return isInstalled(native) ? { kind, argv, reason, problem } : { kind, argv, reason }
  }

  #located(): NativeSupervisor {
    this.#native ??= locateNativeSupervisor()
    return this.#native
  }

  #try(): Promise<NativeSupervisor> {
    this.#tried ??= this.#tryOnce()
    return this.#tried
  }

  async #tryOnce(): Promise<NativeSupervisor> {
    const { program } = this.#located()
    if (program === undefined) return this.#located()
    this.#native = await tryNativeSupervisor(program)
    return this.#native
  }

  /** Only about one that is installed, since many machines have none. */
  #warn(reason: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(`tasks get a supervisor in Node.js, since the native one cannot be used: ${reason}`, {
      type: 'BgTaskWarning',
      code: 'BGTASK_NATIVE_UNUSABLE',
    })
  }
}

function isInstalled(native: NativeSupervisor): boolean {
  return native.program !== undefined || !['missing', 'platform'].includes(native.problem)
}

/** A supervisor that runs names its error; one that does not run says nothing, or what its loader says. */
function isSilent(error: unknown): boolean {
  return isBgTaskError(error, 'ERR_BGTASK_LAUNCH') && !(error.cause instanceof RemoteError)
}

function unusable(reason = '', cause?: unknown): InvalidOptionError {
  return new InvalidOptionError('supervisor', 'native', `cannot be used: ${reason}`, { cause })
}
