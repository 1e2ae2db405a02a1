import type { Behavior } from '@bgtask/protocol'

/** All that a supervisor gets at its start. */
export interface SupervisorStart {
  readonly argv: readonly string[]
  /** Complete. */
  readonly env: Readonly<Record<string, string>>
  readonly umask: number
  readonly behavior: Behavior
}

/** How a supervisor that was started has ended, as far as that is known. */
export interface Ending {
  /** It could not be started. */
  readonly error?: Error | undefined
  /** Known of a child of this process only. */
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  /** That is no failure of the supervisor's: it had not read its spec, or what started it has ended. Another one can be given the spec. */
  readonly mayRepeat?: boolean | undefined
}

export interface StartListener {
  /** Bytes that it wrote to stderr. Returns false if what follows is not the launch's any more. */
  onStderr(chunk: Buffer): boolean
  /** Its stderr has ended, or it could not be started. Once, and last. */
  onEnd(ending: Ending): void
}

/** A supervisor that was started and waits for its spec. No listener is called before the function that started it has returned. */
export interface StartedSupervisor {
  /** Start time of the first process of this launch, or earlier; undefined if unknown. */
  readonly since: number | undefined
  /** Writes the spec to stdin, which then ends. */
  give(spec: Buffer): void
  /** Whether it keeps this program alive. */
  setRef(ref: boolean): void
  /** Closes stdin and stderr: a supervisor that is not ready undoes its launch. The listener may still be called. */
  close(): void
  /** Resolves when what it wrote to stdout in the foreground has been shown. */
  shown(): Promise<void>
  /**
   * It is ready and on its own from here on. In the foreground this program stays as long as it does, and shows what it writes.
   *
   * @param shown what of its stderr has been read and is to be shown.
   */
  release(shown: string): void
}

/** A way to start supervisors. @throws LaunchError if not even a process can be made. */
export type Start = (start: SupervisorStart, listener: StartListener) => StartedSupervisor
