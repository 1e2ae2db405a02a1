import { randomBytes } from 'node:crypto'
import { COOKIE_VARIABLE, mergeEnvironment, POOL_PATH_VARIABLE } from '@bgtask/os'
import {
  type Access,
  CommandError,
  InvalidOptionError,
  type LaunchSpec,
  MAX_SPEC_BYTES,
  PROTOCOL_VERSION,
  parseOptions,
  type Spool,
} from '@bgtask/protocol'
import { encode, MESSAGE_LIMITS } from '@bgtask/protocol/rpc'
import { absolutePath } from '../options.js'
import { readCaller } from './caller.js'
import { makePlan, type PlanSettings, type SupervisorPlan } from './plan.js'
import { type SpawnOptions, spawnOptionsSchema } from './spawn-options.js'
import type { LaunchWait } from './supervisor-process.js'

/** As many bytes as a supervisor takes; an environment and an argv may have more elements than a message. */
export const SPEC_LIMITS = { ...MESSAGE_LIMITS, maxMessageBytes: MAX_SPEC_BYTES, maxElements: MAX_SPEC_BYTES }

/**
 * The spec as the one msgpack map that goes to stdin.
 *
 * @throws CommandError for argv and environment that no kernel would take.
 */
export function encodeSpec(spec: LaunchSpec): Buffer {
  try {
    return encode(spec, SPEC_LIMITS)
  } catch (cause) {
    // Each part was checked before, and only these two are not bounded.
    throw new CommandError(spec.exec[0] ?? '', 'too-long', undefined, { cause })
  }
}

/** What a spawn needs. */
export interface ParsedSpawn {
  /** For the supervisor. */
  readonly spec: LaunchSpec
  /** How a supervisor is started. */
  readonly plan: SupervisorPlan
  /** How long the caller waits for one. */
  readonly wait: LaunchWait
}

/** What a pool adds to the options of a spawn. */
export interface SpawnSettings extends PlanSettings {
  readonly path: string
  readonly access: Access
  readonly spool: Spool | null
  readonly lingerMs: number | null
}

/**
 * Turns the options of a spawn into what its steps need: defaults filled in, paths absolute, environments complete. Whether
 * command, directories and lock file exist is for the supervisor to find out.
 *
 * @throws InvalidOptionError that names the option.
 */
export function parseSpawnOptions(options: SpawnOptions, pool: SpawnSettings): ParsedSpawn {
  const {
    cmd,
    exec,
    env,
    cwd,
    lockfile,
    maxRuntimeMs,
    launchTimeoutMs,
    signal,
    spool = pool.spool,
    lingerMs = pool.lingerMs,
    ...rest
  } = parseOptions(spawnOptionsSchema, options)
  const caller = readCaller()
  const taskId = randomBytes(16).toString('hex')
  const spec: LaunchSpec = {
    v: PROTOCOL_VERSION,
    taskId,
    exec: argvOf(cmd, exec),
    env: { ...mergeEnvironment(caller.env, env), [POOL_PATH_VARIABLE]: pool.path, [COOKIE_VARIABLE]: taskId },
    cwd: absolutePath('cwd', cwd),
    umask: caller.umask,
    ...rest,
    lockfile: lockfile === undefined ? null : absolutePath('lockfile', lockfile),
    maxRuntimeMs: maxRuntimeMs ?? null,
    poolPath: pool.path,
    access: pool.access,
    spool,
    lingerMs,
    resume: null,
    needs: [...(spool === null ? [] : ['spool']), ...(lingerMs === null ? [] : ['linger'])],
  }
  const plan = makePlan(rest.behavior, pool, caller)
  return { spec, plan, wait: { timeoutMs: launchTimeoutMs, signal: signal ?? undefined } }
}

function argvOf(cmd: string | undefined, exec: readonly string[] | undefined): string[] {
  if (cmd !== undefined && exec !== undefined) {
    throw new InvalidOptionError('cmd', { cmd, exec }, 'and exec exclude each other, give one of them')
  }
  if (exec !== undefined) return [...exec]
  if (cmd === undefined) throw new InvalidOptionError('cmd', cmd, 'is missing (or give exec)')
  return ['/bin/sh', '-c', cmd]
}
