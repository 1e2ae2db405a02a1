import type { Task } from '@bgtask/client'
import type { WaitOptions } from '@bgtask/protocol/rpc'

/** Every call that waits for the supervisor. */
export const WAITING_CALLS: Record<string, (task: Task, options: WaitOptions) => Promise<unknown>> = {
  info: (task, options) => task.info(options),
  applyMeta: (task, options) => task.applyMeta({ a: 1 }, options),
  progress: (task, options) => task.progress({ done: 1 }, options),
  kill: (task, options) => task.kill('INT', options),
  pause: (task, options) => task.pause(options),
  resume: (task, options) => task.resume(options),
  restart: (task, options) => task.restart(options),
  stop: (task, options) => task.stop(options),
  terminateSupervisor: (task, options) => task.terminateSupervisor(options),
  wait: (task, options) => task.wait(options),
  'stdin.info': (task, options) => task.stdin.info(options),
  'stdin.write': (task, options) => task.stdin.write('x', options),
  'stdin.close': (task, options) => task.stdin.close(options),
  'stdin.close at once': (task, options) => task.stdin.close({ ...options, immediate: true }),
  'stdout.info': (task, options) => task.stdout.info(options),
  'stdout.read': (task, options) => task.stdout.read(options),
  'stdout.read that polls': (task, options) => task.stdout.read({ ...options, waitMs: 1_000 }),
  'stdout.discard': (task, options) => task.stdout.discard(0, options),
  'stdout.waitFor': (task, options) => task.stdout.waitFor('x', options),
  'stdout.close': (task, options) => task.stdout.close(options),
  'output.order': (task, options) => task.output.order(options),
}
