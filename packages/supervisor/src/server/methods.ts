import {
  type JsonObject,
  type MethodName,
  type MethodResult,
  type OutputStreamId,
  type ParsedParams,
  PROTOCOL_VERSION,
  type ReadResult,
  type TaskGoneError,
} from '@bgtask/protocol'
import type { EncodedResult } from '@bgtask/protocol/rpc'
import type { EventHub } from '../events.js'
import { FEATURES } from '../features.js'
import type { TaskInfoBuilder } from '../info.js'
import type { Supervisor } from '../supervisor.js'

/** What the methods use. */
export interface MethodContext {
  readonly supervisor: Supervisor
  readonly infoBuilder: TaskInfoBuilder
  readonly software: string
  clientCount(): number
  /** Ends the task and removes its files; the process exits once clients have their replies. */
  terminate(steps: ParsedParams<'terminate'>['steps']): Promise<MethodResult<'terminate'>>
}

/** The calling client, as far as methods use it. */
export interface Caller {
  /** Aborts when the connection closes, and long polls with it. */
  readonly signal: AbortSignal
  /** Disconnects a client that addresses another task; returns the error to answer with. */
  refuse(taskId: string): TaskGoneError
  noteRead(streamId: OutputStreamId, result: ReadResult): ReadResult
  subscribe(events: EventHub): void
}

type Handler<M extends MethodName> = (
  context: MethodContext,
  params: ParsedParams<M>,
  caller: Caller,
) => MethodResult<M> | EncodedResult<MethodResult<M>> | Promise<MethodResult<M>>

/** All methods of the protocol. */
export const methods: { readonly [M in MethodName]: Handler<M> } = {
  hello: ({ supervisor, software }, { taskId = supervisor.spec.taskId }, caller) => {
    if (taskId !== supervisor.spec.taskId) throw caller.refuse(taskId)
    return { protocol: PROTOCOL_VERSION, software, methods: Object.keys(methods), features: [...FEATURES], taskId }
  },

  getInfo: ({ infoBuilder, clientCount }) => infoBuilder.info(clientCount()),

  applyMeta: ({ supervisor }, { patch }) => supervisor.applyMeta(patch as JsonObject),

  kill: async ({ supervisor }, { killSignal, tree }) => ({
    delivered: await supervisor.kill(killSignal as NodeJS.Signals, tree),
  }),

  restart: async ({ supervisor }) => ({ restarted: await supervisor.restart(), run: supervisor.facts.run }),

  stop: ({ supervisor }, { steps }) => supervisor.stop(steps),

  terminate: ({ terminate }, { steps }) => terminate(steps),

  readStream: ({ supervisor }, params, caller) => {
    const result = supervisor.streams.output(params.streamId).read({ ...params, signal: caller.signal })
    return result instanceof Promise
      ? result.then((late) => caller.noteRead(params.streamId, late))
      : caller.noteRead(params.streamId, result)
  },

  discardStream: ({ supervisor }, { streamId, upTo }) => supervisor.streams.output(streamId).discard(upTo),

  readOrder: ({ supervisor }, params, { signal }) => supervisor.streams.readOrder(params, signal),

  writeStream: async ({ supervisor }, { data, wait }, { signal }) => ({
    acceptedOffset: await supervisor.streams.stdin.write(data, wait, signal),
  }),

  closeStream: ({ supervisor: { streams } }, { streamId, immediate }) => {
    if (streamId === 0) streams.stdin.close(immediate)
    else streams.output(streamId).stopKeeping()
    return {}
  },

  waitExit: ({ supervisor }, { run, waitMs }, { signal }) => supervisor.waitExit(run, waitMs, signal),

  subscribe: ({ supervisor }, _, caller) => {
    caller.subscribe(supervisor.events)
    return { state: supervisor.state(), run: supervisor.facts.run }
  },
}
