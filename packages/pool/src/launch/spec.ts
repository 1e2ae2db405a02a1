import { randomBytes } from 'node:crypto'
import { COOKIE_VARIABLE, mergeEnvironment, normalizeSteps, POOL_PATH_VARIABLE, withoutTaskVariables } from '@bgtask/os'
import {
  type Access,
  CommandError,
  checkOptions,
  DEFAULT_MAX_READ_BUF_SIZE,
  DEFAULT_STOP_STEPS,
  InvalidOptionError,
  type KnownOptions,
  type LaunchSpec,
  launchSpecSchema,
  MAX_SPEC_BYTES,
  PROTOCOL_VERSION,
  validate,
} from '@bgtask/protocol'
import { encode, MESSAGE_LIMITS } from '@bgtask/protocol/rpc'
import { absolutePath, checkArgv, checkEnvironment } from '../options.js'
import type { SpawnOptions } from './spawn-options.js'
import { currentUmask } from './umask.js'

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

/**
 * Turns the options of a spawn into the spec that the supervisor gets: defaults filled in, paths absolute, the
 * environment complete. Whether command, directories and lock file are there is for the supervisor to find out.
 *
 * @throws InvalidOptionError that names the option.
 */
export function makeSpec(options: SpawnOptions, pool: { path: string; access: Access }): LaunchSpec {
  checkOptions(options, OPTIONS)
  const taskId = randomBytes(16).toString('hex')
  const spec = {
    v: PROTOCOL_VERSION,
    taskId,
    exec: commandOf(options),
    env: childEnvironment(options.env, pool.path, taskId),
    cwd: absolutePath('cwd', options.cwd ?? '.'),
    umask: currentUmask(),
    behavior: options.behavior ?? 'daemon',
    meta: options.meta ?? {},
    maxReadBufSize: options.maxReadBufSize ?? DEFAULT_MAX_READ_BUF_SIZE,
    overflow: options.overflow ?? 'discard',
    lockfile: options.lockfile === undefined ? null : absolutePath('lockfile', options.lockfile),
    stdin: options.stdin ?? 'pipe',
    stop: stopSteps(options.stop),
    restart: restartPolicy(options.restart),
    maxRuntimeMs: options.maxRuntimeMs ?? null,
    poolPath: pool.path,
    access: pool.access,
    // Nothing that can be asked for is an optional part of the contract.
    needs: [],
  }
  const { value, invalid } = validate(launchSpecSchema, spec)
  if (invalid !== undefined) throw new InvalidOptionError(invalid.path, invalid.got, invalid.problem)
  return value
}

const OPTIONS: KnownOptions<SpawnOptions> = {
  cmd: true,
  exec: true,
  env: true,
  cwd: true,
  behavior: true,
  meta: true,
  maxReadBufSize: true,
  overflow: true,
  lockfile: true,
  stdin: true,
  stop: true,
  restart: true,
  maxRuntimeMs: true,
  launchTimeoutMs: true,
  signal: true,
}

const RESTART_OPTIONS: KnownOptions<NonNullable<SpawnOptions['restart']>> = {
  on: true,
  delayMs: true,
  maxDelayMs: true,
  factor: true,
  maxRestarts: true,
  resetAfterMs: true,
}

function commandOf({ cmd, exec }: SpawnOptions): string[] {
  if (cmd !== undefined && exec !== undefined) {
    throw new InvalidOptionError('cmd', { cmd, exec }, 'and exec exclude each other, give one of them')
  }
  if (exec !== undefined) return checkArgv('exec', exec)
  if (typeof cmd !== 'string' || cmd.trim() === '' || cmd.includes('\0')) {
    throw new InvalidOptionError('cmd', cmd, 'must be a command line without NUL bytes (or give exec)')
  }
  return ['/bin/sh', '-c', cmd]
}

function childEnvironment(changes: SpawnOptions['env'], poolPath: string, taskId: string): Record<string, string> {
  if (changes !== undefined) checkEnvironment('env', changes)
  return {
    ...mergeEnvironment(withoutTaskVariables(process.env), changes ?? {}),
    [POOL_PATH_VARIABLE]: poolPath,
    [COOKIE_VARIABLE]: taskId,
  }
}

function stopSteps(steps: SpawnOptions['stop']) {
  return steps === undefined ? [...DEFAULT_STOP_STEPS] : normalizeSteps(steps, 'stop')
}

function restartPolicy(policy: SpawnOptions['restart']) {
  return policy === undefined ? { on: 'never' } : checkOptions(policy, RESTART_OPTIONS, 'restart')
}
