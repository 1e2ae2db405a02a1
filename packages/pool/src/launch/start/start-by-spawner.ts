import { readProcessStat } from '@bgtask/os'
import type { Spawner } from '../spawner/spawner.js'
import type { SpawnerFailure } from '../spawner/spawner-launch.js'
import type { Ending, Start } from './started-supervisor.js'

/** Starts supervisors of the behaviors `daemon` and `background` through a spawner. */
export function startBySpawner(spawner: Spawner): Start {
  return ({ argv, env, umask, behavior }, listener) => {
    if (behavior === 'foreground') throw new RangeError('a supervisor in the foreground is a child of its caller')
    const supervisor = spawner.start(
      { argv, env, cwd: workingDirectory(), umask, behavior },
      {
        onStderr: (chunk) => listener.onStderr(chunk),
        onEnd: (failure) => listener.onEnd(endingOf(failure, argv[0])),
      },
    )
    return {
      // No launch of a spawner is older than the spawner.
      get since() {
        return readProcessStat(spawner.pid ?? 0)?.startTime
      },
      give: (spec) => supervisor.end(spec),
      setRef: (ref) => supervisor.setRef(ref),
      close: () => supervisor.close(),
      release: () => supervisor.close(),
      shown: async () => {},
    }
  }
}

function endingOf(failure: SpawnerFailure | undefined, program = ''): Ending {
  if (failure === undefined) return {}
  if (failure.kind === 'spawner-gone') return { error: new Error(failure.reason), mayRepeat: true }
  const { step, code } = failure
  // A directory that was removed is no obstacle to a process that this one starts itself.
  return {
    mayRepeat: step === 'cwd',
    error: Object.assign(new Error(`${program} cannot be started (${step}): ${code}`), { code }),
  }
}

function workingDirectory(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}
