import { withoutTaskVariables } from '@bgtask/os'
import type { LaunchSpec } from '@bgtask/protocol'

/** The spec of a plain task, for a test that starts a supervisor itself. */
export function plainSpec(poolPath: string, exec: string[]): LaunchSpec {
  return {
    v: 1,
    taskId: '0'.repeat(32),
    exec,
    env: withoutTaskVariables(process.env),
    cwd: poolPath,
    umask: 0o77,
    behavior: 'daemon',
    meta: {},
    maxReadBufSize: 1,
    overflow: 'discard',
    lockfile: null,
    stdin: 'pipe',
    stop: [{ killSignal: 'SIGKILL', waitMs: 1_000 }],
    restart: { on: 'never', delayMs: 0, maxDelayMs: 0, factor: 1, maxRestarts: 0, resetAfterMs: 0 },
    maxRuntimeMs: null,
    poolPath,
    access: { mode: 0o600, gid: null, owners: [] },
    spool: null,
    lingerMs: null,
    keepSpec: true,
    resume: null,
    needs: [],
  }
}
