import type { ConsoleEvent, ListedTask } from '../shared/messages.js'
import type { TaskList } from '../tasks/task-list.js'

/**
 * The task list as one reader gets it. What the reader has not taken yet is kept once a task, so a page that stalls costs
 * memory by the number of tasks.
 */
export class ListFeed {
  /** Called when there may be something to take. */
  onNews: () => void = () => {}
  readonly #changed = new Map<string, ListedTask>()
  readonly #gone = new Set<string>()
  readonly #told = new Set<string>()
  readonly #mayRead: (task: ListedTask) => Promise<boolean>
  readonly #stop: () => void
  #isFilled = false
  #isFirst = true
  #problem: string | undefined

  /** @param mayRead whether the reader is told of a task, asked anew at each change. */
  constructor(list: TaskList, mayRead: (task: ListedTask) => Promise<boolean>) {
    this.#mayRead = mayRead
    const { filled, stop } = list.read({
      changed: (task) => {
        this.#changed.set(task.info.taskId, task)
        this.#gone.delete(task.info.taskId)
        this.onNews()
      },
      gone: (taskId) => {
        this.#changed.delete(taskId)
        this.#gone.add(taskId)
        this.onNews()
      },
      problem: (message) => {
        this.#problem = message
        this.onNews()
      },
    })
    this.#stop = stop
    void filled.then(() => {
      this.#isFilled = true
      this.onNews()
    })
  }

  /** What has changed since the last call; the first time it is everything. Undefined where nothing has. */
  async take(): Promise<ConsoleEvent<'tasks' | 'problem'> | undefined> {
    if (this.#problem !== undefined) {
      const message = this.#problem
      this.#problem = undefined
      return { event: 'problem', data: { message } }
    }
    if (!this.#hasNews) return undefined
    const candidates = [...this.#changed.values()]
    const gone = new Set(this.#gone)
    this.#changed.clear()
    this.#gone.clear()
    const allowed = await Promise.all(candidates.map((task) => this.#mayRead(task)))
    const changed = candidates.filter((_, index) => allowed[index])
    for (const [index, { info }] of candidates.entries()) if (!allowed[index]) gone.add(info.taskId)
    const all = this.#isFirst ? true : undefined
    this.#isFirst = false
    // Ids of tasks that the reader may not know of are no business of the reader's.
    const toldGone = [...gone].filter((taskId) => this.#told.delete(taskId))
    for (const { info } of changed) this.#told.add(info.taskId)
    if (all === undefined && changed.length + toldGone.length === 0) return undefined
    return { event: 'tasks', data: { all, changed, gone: toldGone } }
  }

  close(): void {
    this.#stop()
  }

  get #hasNews(): boolean {
    return this.#isFilled && (this.#isFirst || this.#changed.size + this.#gone.size > 0)
  }
}
