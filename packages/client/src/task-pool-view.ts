/** What a task sees of its pool. */
export interface TaskPoolView {
  /** Path of the socket on which the supervisor with that pid listens. */
  socketPath(pid: number): string
  /** Where it listens until the launch is over. Only a job that looks for its own supervisor can be so early. */
  launchSocketPath?(pid: number): string
}
