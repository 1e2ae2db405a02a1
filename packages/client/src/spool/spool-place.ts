/** Where a task's output is kept on disk, and whose files are trusted. */
export interface SpoolPlace {
  /** Path of the task's directory. It may be missing. */
  readonly directory: string
  trusts(uid: number): boolean
}
