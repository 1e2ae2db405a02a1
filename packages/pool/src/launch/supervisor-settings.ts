import { parseOption } from '@bgtask/protocol'
import { argvSchema, environmentChangesSchema } from '../options.js'
import { defaultSupervisorEnv, type SupervisorEnv } from '../pool-options.js'
import { type ChosenSupervisor, SupervisorChoice, type SupervisorKind } from './choice.js'
import type { SupervisorCommand } from './command.js'

/** What a pool's options say of supervisors. */
export interface SupervisorSettingsOptions {
  readonly supervisor?: SupervisorKind | undefined
  readonly supervisorCmd?: readonly string[] | undefined
  readonly supervisorDetaches: boolean
  readonly supervisorEnv: Readonly<SupervisorEnv>
}

/** Which supervisors a pool starts, and with which environment. */
export class SupervisorSettings {
  readonly choice: SupervisorChoice
  readonly #detaches: boolean
  #cmd: readonly string[] | undefined
  #env: Readonly<SupervisorEnv>

  /** @throws InvalidOptionError if `BGTASK_SUPERVISOR` is not one of the kinds. */
  constructor(path: string, options: SupervisorSettingsOptions) {
    this.choice = new SupervisorChoice(options.supervisor)
    this.#detaches = options.supervisorDetaches
    this.#cmd = options.supervisorCmd
    this.#env = Object.freeze({ ...defaultSupervisorEnv(path), ...options.supervisorEnv })
  }

  get isCustom(): boolean {
    return this.#cmd !== undefined
  }

  set cmd(argv: readonly string[]) {
    this.#cmd = [...parseOption(argvSchema, argv, 'supervisorCmd')]
  }

  get env(): Readonly<SupervisorEnv> {
    return this.#env
  }

  set env(env: Readonly<SupervisorEnv>) {
    parseOption(environmentChangesSchema, env, 'supervisorEnv')
    this.#env = Object.freeze({ ...env })
  }

  /** Merges changes into the environment. Not by Object.assign, which would lose a variable `__proto__`. */
  applyEnv(env: Readonly<SupervisorEnv>): Readonly<SupervisorEnv> {
    parseOption(environmentChangesSchema, env, 'supervisorEnv')
    this.#env = Object.freeze({ ...this.#env, ...env })
    return this.#env
  }

  /** @throws InvalidOptionError if the supervisor is not installed. */
  command(): SupervisorCommand {
    const argv = this.#cmd
    return argv === undefined ? this.choice.command() : { kind: 'custom', argv, detaches: this.#detaches }
  }

  async describe(): Promise<ChosenSupervisor> {
    const argv = this.#cmd
    return argv === undefined
      ? this.choice.describe()
      : { kind: 'custom', argv: [...argv], reason: 'supervisorCmd is set' }
  }
}
