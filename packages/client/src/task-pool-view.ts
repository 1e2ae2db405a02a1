import type { TaskFiles } from './task-files.js'

/** What a task sees of its pool. */
export interface TaskPoolView {
  /** Path of the socket on which the supervisor with that pid listens. */
  socketPath(pid: number): string
  /** Where it listens until the launch is over. Only a job that looks for its own supervisor can be so early. */
  launchSocketPath?(pid: number): string
  /** What the directory has of a task whose supervisor has or had that pid. Without it, a task is read over its socket alone. */
  taskFiles?(taskId: string, pid: number): TaskFiles
}
