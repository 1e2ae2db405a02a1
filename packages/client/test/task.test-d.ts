import {
  type OutputChunk,
  type OutputGap,
  Task,
  type TaskInput,
  type TaskOutput,
  type WaitedExit,
} from '@bgtask/client'
import { expectTypeOf, test } from 'vitest'

class Mine extends Task {
  extra = 1
}
declare const task: Task

test('streams are told by number or name', () => {
  expectTypeOf(task.stream(0)).toEqualTypeOf<TaskInput>()
  expectTypeOf(task.stream('stderr')).toEqualTypeOf<TaskOutput>()
  expectTypeOf(task.stream(1 as 0 | 1)).toEqualTypeOf<TaskInput | TaskOutput>()
})

test('events have their payloads', () => {
  task.on('childExit', (event) => {
    expectTypeOf(event.run).toEqualTypeOf<number>()
    expectTypeOf(event.exitStatus.exitCode).toEqualTypeOf<number | null>()
  })
  task.on('disconnect', (...none) => expectTypeOf(none).toEqualTypeOf<[]>())
  // @ts-expect-error there is no such event
  task.on('childExits', (_: string) => {})
})

test('chunks and gaps are told apart', async () => {
  for await (const item of task.stdout.follow()) {
    if (item.gap) expectTypeOf(item).toEqualTypeOf<OutputGap>()
    else expectTypeOf(item).toEqualTypeOf<OutputChunk>()
    if (!item.gap) expectTypeOf(item.data).toEqualTypeOf<Buffer>()
  }
  expectTypeOf((await task.stdout.read()).data).toEqualTypeOf<Buffer>()
  for await (const item of task.stdout.lines()) if (!item.gap) expectTypeOf(item.line).toEqualTypeOf<string>()
  for await (const item of task.output.follow()) if (!item.gap) expectTypeOf(item.at).toEqualTypeOf<number>()
})

test('a subclass makes its own', () => {
  expectTypeOf(Task.at('/pool/1.sock')).toEqualTypeOf<Task>()
  expectTypeOf(Task.current()).toEqualTypeOf<Task | undefined>()
  expectTypeOf(Mine.at('/pool/1.sock')).toEqualTypeOf<Mine>()
  expectTypeOf(Mine.current()).toEqualTypeOf<Mine | undefined>()
})

test('outcomes', () => {
  expectTypeOf(task.wait()).resolves.toEqualTypeOf<WaitedExit>()
  expectTypeOf(task.kill('INT', { tree: true, timeoutMs: 10 })).resolves.toEqualTypeOf<boolean>()
  expectTypeOf(task.stdin.write('x')).resolves.toEqualTypeOf<number>()
})
