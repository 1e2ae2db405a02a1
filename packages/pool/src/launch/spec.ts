import { randomBytes } from 'node:crypto'
import { COOKIE_VARIABLE, currentUmask, mergeEnvironment, POOL_PATH_VARIABLE, withoutTaskVariables } from '@bgtask/os'
import {
  type Access,
  CommandError,
  InvalidOptionError,
  type LaunchSpec,
  MAX_SPEC_BYTES,
  PROTOCOL_VERSION,
  parseOptions,
} from '@bgtask/protocol'
import { encode, MESSAGE_LIMITS } from '@bgtask/protocol/rpc'
import { absolutePath } from '../options.js'
import type { SupervisorEnv } from '../pool-options.js'
import { type SpawnOptions, spawnOptionsSchema } from './spawn-options.js'

/** As many bytes as a supervisor takes; an environment and an argv may have more elements than a message. */
const SPEC_LIMITS = { ...MESSAGE_LIMITS, maxMessageBytes: MAX_SPEC_BYTES, maxElements: MAX_SPEC_BYTES }

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

/** What a spawn needs: the spec for the supervisor, and how long the caller waits. */
export interface ParsedSpawn {
  readonly spec: LaunchSpec
  readonly launchTimeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Turns the options of a spawn into the spec that the supervisor gets: defaults filled in, paths absolute, the
 * environment complete. Whether command, directories and lock file exist is for the supervisor to find out.
 *
 * @throws InvalidOptionError that names the option.
 */
export function parseSpawnOptions(options: SpawnOptions, pool: { path: string; access: Access }): ParsedSpawn {
  const { cmd, exec, env, cwd, lockfile, maxRuntimeMs, launchTimeoutMs, signal, ...rest } = parseOptions(
    spawnOptionsSchema,
    options,
  )
  const taskId = randomBytes(16).toString('hex')
  const spec: LaunchSpec = {
    v: PROTOCOL_VERSION,
    taskId,
    exec: argvOf(cmd, exec),
    env: childEnvironment(env, pool.path, taskId),
    cwd: absolutePath('cwd', cwd),
    umask: currentUmask(),
    ...rest,
    lockfile: lockfile === undefined ? null : absolutePath('lockfile', lockfile),
    maxRuntimeMs: maxRuntimeMs ?? null,
    poolPath: pool.path,
    access: pool.access,
    // No option relies on an optional part of the contract.
    needs: [],
  }
  return { spec, launchTimeoutMs, signal: signal ?? undefined }
}

function argvOf(cmd: string | undefined, exec: readonly string[] | undefined): string[] {
  if (cmd !== undefined && exec !== undefined) {
    throw new InvalidOptionError('cmd', { cmd, exec }, 'and exec exclude each other, give one of them')
  }
  if (exec !== undefined) return [...exec]
  if (cmd === undefined) throw new InvalidOptionError('cmd', cmd, 'is missing (or give exec)')
  return ['/bin/sh', '-c', cmd]
}

function childEnvironment(changes: SupervisorEnv, poolPath: string, taskId: string): Record<string, string> {
  return {
    ...mergeEnvironment(withoutTaskVariables(process.env), changes),
    [POOL_PATH_VARIABLE]: poolPath,
    [COOKIE_VARIABLE]: taskId,
  }
}
