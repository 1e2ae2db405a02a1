import type { ConsoleEvent, ListedTask } from '../shared/messages.js'
import type { TaskList } from '../tasks/task-list.js'

/**
 * The task list for one reader. Keeps at most one pending change per task, so the memory for a stalled page is bounded by
 * the number of tasks.
 */
export class ListFeed {
  /** Called when `take` may have something to return. */
  onChange: () => void = () => {}
  readonly #changed = new Map<string, ListedTask>()
  readonly #gone = new Set<string>()
  readonly #sent = new Set<string>()
  readonly #mayRead: (task: ListedTask) => Promise<boolean>
  readonly #stop: () => void
  #isFilled = false
  #isFirst = true
  #problem: string | undefined

  /** @param mayRead whether the reader may see a task; called for each change. */
  constructor(list: TaskList, mayRead: (task: ListedTask) => Promise<boolean>) {
    this.#mayRead = mayRead
    const { filled, stop } = list.read({
      changed: (task) => {
        this.#changed.set(task.info.taskId, task)
        this.#gone.delete(task.info.taskId)
        this.onChange()
      },
      gone: (taskId) => {
        this.#changed.delete(taskId)
        this.#gone.add(taskId)
        this.onChange()
      },
      problem: (message) => {
        this.#problem = message
        this.onChange()
      },
    })
    this.#stop = stop
    void filled.then(() => {
      this.#isFilled = true
      this.onChange()
    })
  }

  /** Returns the changes since the last call, the first time all tasks; undefined if nothing changed. */
  async take(): Promise<ConsoleEvent<'tasks' | 'problem'> | undefined> {
    if (this.#problem !== undefined) {
      const message = this.#problem
      this.#problem = undefined
      return { event: 'problem', data: { message } }
    }
    if (!this.#hasChanges) return undefined
    const candidates = [...this.#changed.values()]
    const gone = new Set(this.#gone)
    this.#changed.clear()
    this.#gone.clear()
    const allowed = await Promise.all(candidates.map((task) => this.#mayRead(task)))
    const changed = candidates.filter((_, index) => allowed[index])
    for (const [index, { info }] of candidates.entries()) if (!allowed[index]) gone.add(info.taskId)
    const all = this.#isFirst ? true : undefined
    this.#isFirst = false
    // Do not reveal ids of tasks that the reader was never allowed to see.
    const sentGone = [...gone].filter((taskId) => this.#sent.delete(taskId))
    for (const { info } of changed) this.#sent.add(info.taskId)
    if (all === undefined && changed.length + sentGone.length === 0) return undefined
    return { event: 'tasks', data: { all, changed, gone: sentGone } }
  }

  close(): void {
    this.#stop()
  }

  get #hasChanges(): boolean {
    return this.#isFilled && (this.#isFirst || this.#changed.size + this.#gone.size > 0)
  }
}
