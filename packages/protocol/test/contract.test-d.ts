import {
  type EventPayload,
  type ExitStatus,
  type JsonObject,
  type LaunchSpec,
  launchSpecSchema,
  type MethodName,
  type MethodParams,
  type MethodResult,
  type ParsedParams,
  type ReadResult,
  type RecordedInfo,
  type TaskInfo,
  type TaskState,
  validate,
} from '@bgtask/protocol'
import { expectTypeOf, test } from 'vitest'

test('the types are those of the schemas that check what comes', () => {
  expectTypeOf(validate(launchSpecSchema, {} as unknown).value).toEqualTypeOf<LaunchSpec | undefined>()
})

test('the methods of a task, their parameters as a caller may give them, and their results', () => {
  expectTypeOf<MethodName>().toEqualTypeOf<
    | 'hello'
    | 'getInfo'
    | 'applyMeta'
    | 'kill'
    | 'restart'
    | 'stop'
    | 'terminate'
    | 'readStream'
    | 'discardStream'
    | 'readOrder'
    | 'writeStream'
    | 'closeStream'
    | 'waitExit'
    | 'subscribe'
  >()
  expectTypeOf<{ streamId: 1; from: 5 }>().toExtend<MethodParams<'readStream'>>()
  // stdin is not read from.
  expectTypeOf<{ streamId: 0 }>().not.toExtend<MethodParams<'readStream'>>()
  // What a caller leaves out has its default when it is handled.
  expectTypeOf<ParsedParams<'readStream'>['waitMs']>().toEqualTypeOf<number>()
  expectTypeOf<MethodResult<'readStream'>>().toEqualTypeOf<ReadResult>()
  expectTypeOf<MethodResult<'getInfo'>>().toExtend<TaskInfo>()
})

test('the info: what is null while nothing is known, keys of custom supervisors, and the part on record', () => {
  expectTypeOf<TaskInfo['pid']>().toEqualTypeOf<number | null>()
  expectTypeOf<TaskInfo['exitStatus']>().toEqualTypeOf<ExitStatus | null>()
  expectTypeOf<TaskInfo['meta']>().toEqualTypeOf<JsonObject>()
  expectTypeOf<TaskInfo['streams'][1]['firstOffset']>().toEqualTypeOf<number>()
  expectTypeOf<TaskInfo['ofACustomSupervisor']>().toEqualTypeOf<unknown>()
  expectTypeOf<TaskInfo>().toExtend<RecordedInfo>()
  expectTypeOf<'lost'>().toExtend<TaskState>()
  expectTypeOf<ExitStatus['cause']>().toEqualTypeOf<'exit' | 'signal' | 'stopped' | 'timeout'>()
})

test('events', () => {
  expectTypeOf<EventPayload<'childExit'>['recorded']>().toEqualTypeOf<boolean>()
  expectTypeOf<EventPayload<'streamEof'>['streamId']>().toEqualTypeOf<1 | 2>()
})
