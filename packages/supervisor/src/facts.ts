import type { ExitStatus, LaunchSpec, LiveState, RecordedInfo, SomeSurvivors } from '@bgtask/protocol'
import type { Run } from './child/child-run.js'

/** The facts that the lifecycle changes; `info.ts` makes the public info of them. */
export interface Facts extends Pick<RecordedInfo, RecordedFact> {
  state: LiveState
}

type RecordedFact =
  | ('meta' | 'run' | 'restarts' | 'startedAt' | 'exitedAt' | 'exitStatus')
  | ('exitOffsets' | 'nextStartAt' | 'failure' | 'retiredAt' | 'stdio')

export function initialFacts(spec: LaunchSpec): Facts {
  return {
    state: 'starting',
    meta: spec.meta,
    run: spec.resume?.run ?? 0,
    restarts: spec.resume?.restarts ?? 0,
    startedAt: null,
    exitedAt: null,
    exitStatus: null,
    exitOffsets: null,
    nextStartAt: null,
    failure: null,
    retiredAt: null,
    stdio: 'pipe',
  }
}

/** What the facts are when a run has just started. */
export function runFacts(run: Run, stdio: Facts['stdio']): Partial<Facts> {
  return {
    run: run.number,
    startedAt: run.startedAt,
    exitedAt: null,
    exitStatus: null,
    exitOffsets: null,
    nextStartAt: null,
    failure: null,
    stdio,
  }
}

/** An exit status with the processes that outlived the last stop, and without those of an earlier one. */
export function withSurvivors(exitStatus: ExitStatus, some: SomeSurvivors): ExitStatus {
  const { survivors: _, moreSurvivors: __, ...status } = exitStatus
  return some.survivors.length === 0 ? status : { ...status, ...some }
}
