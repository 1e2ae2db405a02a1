import { createRequire } from 'node:module'
import { InvalidOptionError, LaunchError } from '@bgtask/protocol'

/** Every spawn asks, and to find the package takes longer than much of the rest. */
let known: string[] | undefined

/** An app that was bundled to CommonJS has an empty `import.meta`; the package is then looked for from the bundle. */
const here = import.meta.filename ?? __filename

/**
 * The argv of the default daemon. The package that holds it is looked for only now, since a program that brings its own
 * supervisor, or that spawns nothing, need not have it.
 *
 * @throws InvalidOptionError where the package is not installed, LaunchError where it cannot be loaded.
 */
export function nodeSupervisorCmd(): readonly string[] {
  try {
    known ??= createRequire(here)('@bgtask/supervisor/command').defaultSupervisorCmd() as string[]
    return known
  } catch (cause) {
    throw withoutSupervisor(cause as NodeJS.ErrnoException)
  }
}

function withoutSupervisor(cause: NodeJS.ErrnoException): Error {
  if (cause.code === 'MODULE_NOT_FOUND') {
    const rule = `must be given, or the package @bgtask/supervisor installed for the default, where ${here} finds it`
    return new InvalidOptionError('supervisorCmd', undefined, rule, { cause })
  }
  const node = cause.code === 'ERR_REQUIRE_ESM' ? `Node ${process.version} is too old, use 20.19 or 22.12: ` : ''
  return new LaunchError(`@bgtask/supervisor cannot be loaded: ${node}${cause.message}`, { cause })
}
