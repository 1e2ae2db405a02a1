import type { ExitStatus, JsonObject, LaunchSpec, LiveState, RecordedInfo, SomeSurvivors } from '@bgtask/protocol'
import type { Run } from './child/child-run.js'

/** The facts that the lifecycle changes; `info.ts` makes the public info of them. */
export interface Facts {
  state: LiveState
  meta: JsonObject
  run: number
  restarts: number
  startedAt: number | null
  exitedAt: number | null
  exitStatus: ExitStatus | null
  exitOffsets: RecordedInfo['exitOffsets']
  nextStartAt: number | null
  failure: string | null
  stdio: RecordedInfo['stdio']
}

export function initialFacts(spec: LaunchSpec): Facts {
  return {
    state: 'starting',
    meta: spec.meta,
    run: 0,
    restarts: 0,
    startedAt: null,
    exitedAt: null,
    exitStatus: null,
    exitOffsets: null,
    nextStartAt: null,
    failure: null,
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
