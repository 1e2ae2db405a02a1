import type { MethodName, MethodParams, MethodResult } from '@bgtask/protocol'
import type { WaitOptions } from '@bgtask/protocol/rpc'

/** Calls methods of one task. */
export interface TaskCalls {
  call<M extends MethodName>(method: M, params?: MethodParams<M>, options?: WaitOptions): Promise<MethodResult<M>>
}

/** Also calls methods that may rightly take long, without a limit of its own. */
export interface PatientTaskCalls extends TaskCalls {
  callPatiently<M extends MethodName>(
    method: M,
    params: MethodParams<M>,
    options: WaitOptions,
  ): Promise<MethodResult<M>>
}
