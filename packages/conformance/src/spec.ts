import { randomBytes } from 'node:crypto'
import { COOKIE_VARIABLE, POOL_PATH_VARIABLE } from '@bgtask/os'
import { DEFAULT_MAX_READ_BUF_SIZE, type LaunchSpec, MAX_SPEC_BYTES } from '@bgtask/protocol'
import { encode } from '@bgtask/protocol/rpc'

/** A stop that takes no time. */
export const KILL = [{ killSignal: 'SIGKILL' as const, waitMs: 5_000 }]

/** Runs until it is ended. */
export const SLEEP: readonly string[] = ['/bin/sleep', '1000']

/** argv of a shell script. */
export const sh = (script: string): string[] => ['/bin/sh', '-c', script]

/** A spec as a pool would make it, with changes. */
export function makeSpec(poolPath: string, changes: Partial<LaunchSpec> = {}): LaunchSpec {
  const taskId = changes.taskId ?? randomBytes(16).toString('hex')
  return {
    v: 1,
    taskId,
    exec: [...SLEEP],
    cwd: '/',
    umask: 0o022,
    behavior: 'daemon',
    meta: {},
    maxReadBufSize: DEFAULT_MAX_READ_BUF_SIZE,
    overflow: 'discard',
    lockfile: null,
    stdin: 'pipe',
    stop: [...KILL],
    restart: { on: 'never', delayMs: 1_000, maxDelayMs: 60_000, factor: 2, maxRestarts: 10, resetAfterMs: 60_000 },
    maxRuntimeMs: null,
    poolPath,
    access: { mode: 0o600, gid: null, owners: [] },
    spool: null,
    lingerMs: null,
    keepSpec: true,
    resume: null,
    needs: [],
    ...changes,
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      ...changes.env,
      [POOL_PATH_VARIABLE]: poolPath,
      [COOKIE_VARIABLE]: taskId,
    },
  }
}

export function encodeSpec(spec: unknown, maxBytes = MAX_SPEC_BYTES): Buffer {
  return encode(spec, { maxMessageBytes: maxBytes, maxDepth: 64, maxElements: MAX_SPEC_BYTES })
}
