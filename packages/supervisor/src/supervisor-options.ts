/** What makes a supervisor a particular one. */
export interface SupervisorOptions {
  /** Name and version, reported by `hello` and info. */
  readonly software?: string
  /** Further keys for info and record; called for each, so it must be cheap. Keys of the contract cannot be replaced. */
  readonly info?: () => Record<string, unknown>
}
