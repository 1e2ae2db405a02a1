import { readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { withoutTaskVariables } from '@bgtask/os'

/** What this process passes on to the processes that it starts, as it is now. Read once for each spawn: `/proc` and the environment are slow. */
export interface Caller {
  /** Without the variables of a task that this process may be part of. */
  readonly env: Readonly<Record<string, string>>
  readonly umask: number
  /** Equal for two processes that inherit the same from this one, but for environment, umask and working directory. */
  readonly inheritance: string
}

/** Lines of `/proc/self/status` that a child process inherits. */
const INHERITED = /^(?:Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap\w+|Cpus_allowed|Mems_allowed):.*$/gm

export function readCaller(): Caller {
  const status = read('/proc/self/status')
  const octal = /^Umask:\s*([0-7]+)$/m.exec(status)?.[1]
  const ids = status.match(INHERITED) ?? [
    process.geteuid?.(),
    process.getuid?.(),
    process.getegid?.(),
    process.getgid?.(),
  ]
  return {
    env: withoutTaskVariables(process.env),
    // Node reads the umask by setting it for a moment, which other threads would notice.
    umask: octal === undefined ? process.umask() : Number.parseInt(octal, 8),
    inheritance: [...ids, read('/proc/self/limits'), getPriority()].join('\n'),
  }
}

/** Empty without `/proc`. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
