import type { TaskPool } from '@bgtask/pool'
import type { RecordedInfo } from '@bgtask/protocol'
import { type ConsoleAction, WRITE_ACTIONS, type WriteAction } from './shared/messages.js'
import { type FoundTask, findTask } from './tasks/find.js'

/** Decides whether a request may perform an action. `task` is the task's info (without streams), undefined for `list`. */
export type Authorize = (
  request: Request,
  action: ConsoleAction,
  task: RecordedInfo | undefined,
) => boolean | Promise<boolean>

export interface AccessOptions {
  readonly pool: TaskPool
  readonly authorize: Authorize
  readonly readOnly: boolean
}

/** Checks which request may perform which action on which task. */
export class Access {
  readonly readOnly: boolean
  readonly #pool: TaskPool
  readonly #authorize: Authorize

  constructor({ pool, authorize, readOnly }: AccessOptions) {
    this.readOnly = readOnly
    this.#pool = pool
    this.#authorize = authorize
  }

  async may(request: Request, action: ConsoleAction, task?: RecordedInfo): Promise<boolean> {
    const isWrite = WRITE_ACTIONS.some((one) => one === action)
    if (isWrite && this.readOnly) return false
    // Only `true` grants access: a callback that returns something else by mistake must not.
    return (await this.#authorize(request, action, task)) === true
  }

  /** Finds a task by its id or its supervisor's pid. A task that the request may not read counts as missing. */
  async find(request: Request, key: string): Promise<FoundTask | undefined> {
    const found = await findTask(this.#pool, key, request.signal)
    return found !== undefined && (await this.may(request, 'read', found.info)) ? found : undefined
  }

  /** The actions that a page should offer. */
  async allowed(request: Request, task: RecordedInfo): Promise<WriteAction[]> {
    const answers = await Promise.all(WRITE_ACTIONS.map((action) => this.may(request, action, task)))
    return WRITE_ACTIONS.filter((_, index) => answers[index])
  }
}
