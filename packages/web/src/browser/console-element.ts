import type { ConsoleEvent, ListedTask, View } from '../shared/messages.js'
import { VIEWS } from '../shared/messages.js'
import { Api } from './connection/api.js'
import { Connection, type ConnectionState } from './connection/connection.js'
import { h, setText } from './dom.js'
import { ListView } from './list/list-view.js'
import { consoleStyles } from './styles/index.js'
import { TaskView } from './task/task-view.js'

/** A hidden page closes its connection after this long (ms): browsers open only six to one server. */
const HIDDEN_TIMEOUT_MS = 15_000

/** Detail of the event `bgtask-navigate`: what is shown now. */
export interface NavigateDetail {
  readonly task: string | undefined
  readonly view: View
}

/**
 * `<bgtask-console src="/tasks/" task="…">`: the console of one task, or without `task` the list and the task selected in it.
 *
 * Attributes: `src` (address of a console's page on the same origin), `task` (id or supervisor's pid), `view` (`merged`,
 * `stdout`, `stderr`), `theme` (`light`, `dark`; default: the system's). Properties: `headers`, sent with every request.
 * Events: `bgtask-navigate` when another task or view is selected.
 */
export class BgtaskConsole extends HTMLElement {
  static readonly observedAttributes = ['src', 'task', 'theme']
  /** Headers for the server's authorization. Set them before the element is connected. */
  headers: Readonly<Record<string, string>> = {}
  /** Returns the address of a task and position. Default: the address of the page. */
  linkTo: (task: string, view: View, position: string | undefined) => string = () => location.href
  readonly #root = this.attachShadow({ mode: 'open' })
  readonly #tasks = new Map<string, ListedTask>()
  readonly #banner = h('p', { class: 'banner', role: 'alert', hidden: true })
  readonly #main = h('main', { class: 'main' })
  readonly #darkness = matchMedia('(prefers-color-scheme: dark)')
  #api: Api | undefined
  #connection: Connection | undefined
  #list: ListView | undefined
  #view: TaskView | undefined
  #shownTask: string | undefined
  #timers: number[] = []
  #left: AbortController | undefined

  connectedCallback(): void {
    this.#root.adoptedStyleSheets = consoleStyles()
    this.#left = new AbortController()
    const { signal } = this.#left
    this.#api = new Api(new URL(this.getAttribute('src') ?? './', document.baseURI), this.headers)
    this.#connection = new Connection(this.#api, {
      received: (event) => this.#received(event),
      changed: (state, message) => this.#connectionChanged(state, message),
    })
    if (!this.hasAttribute('task')) this.#list = new ListView(this.#tasks, (taskId) => this.show(taskId))
    const onkeydown = (event: KeyboardEvent) => this.#pressed(event)
    const shell = h(
      'div',
      { class: 'shell', onkeydown },
      this.#banner,
      h('div', { class: 'panes' }, this.#list?.element, this.#main),
    )
    shell.classList.toggle('single', this.#list === undefined)
    this.#root.replaceChildren(shell)
    this.#timers.push(window.setInterval(() => this.#tick(), 1_000))
    document.addEventListener('visibilitychange', () => this.#visibilityChanged(), { signal })
    this.#darkness.addEventListener('change', () => this.#themeChanged(), { signal })
    this.show(this.getAttribute('task') ?? undefined)
  }

  disconnectedCallback(): void {
    this.#left?.abort()
    this.#connection?.close()
    this.#view?.dispose()
    this.#view = undefined
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected || this.#api === undefined) return
    if (name === 'theme') this.#themeChanged()
    else this.#reconnect()
  }

  #reconnect(): void {
    this.disconnectedCallback()
    this.#tasks.clear()
    this.#list = undefined
    this.connectedCallback()
  }

  /** Shows a task from a position on, or only the list if `task` is undefined. */
  show(task: string | undefined, view = this.#wantedView(), from?: string): void {
    this.#view?.dispose()
    this.#view = undefined
    this.#shownTask = task
    this.#root.querySelector('.shell')?.classList.toggle('has-task', task !== undefined)
    if (this.#list !== undefined) this.#list.selected = this.#listed(task)?.info.taskId ?? task
    if (task === undefined) this.#main.replaceChildren(h('p', { class: 'hint' }, 'Select a task to see its output.'))
    else {
      const link = (view: View, position: string | undefined) => this.linkTo(task, view, position)
      const back = this.#list && (() => this.show(undefined))
      const onView = (view: View) => this.#open(view)
      const api = this.#api as Api
      this.#view = new TaskView({
        root: this.#root,
        api,
        taskId: task,
        theme: this.#theme,
        view,
        from,
        back,
        onView,
        link,
      })
      this.#main.replaceChildren(this.#view.element)
      this.#view.attached()
      this.#view.update(this.#listed(task))
    }
    this.#open(view)
  }

  #wantedView(): View {
    return VIEWS.find((view) => view === this.getAttribute('view')) ?? 'merged'
  }

  #open(view: View): void {
    const task = this.#shownTask
    const shown = this.#view
    this.#connection?.open({ list: this.#list !== undefined, task, view, position: () => shown?.position })
    const detail: NavigateDetail = { task, view }
    this.dispatchEvent(new CustomEvent('bgtask-navigate', { detail, bubbles: true, composed: true }))
  }

  async #received(event: ConsoleEvent): Promise<void> {
    if (event.event === 'tasks') this.#tasksChanged(event.data as ConsoleEvent<'tasks'>['data'])
    else if (event.event === 'problem') this.#warn((event.data as ConsoleEvent<'problem'>['data']).message)
    else await this.#view?.received(event)
  }

  #tasksChanged({ all, changed, gone }: ConsoleEvent<'tasks'>['data']): void {
    const before = this.#listed(this.#shownTask)
    if (all) this.#tasks.clear()
    for (const taskId of gone) this.#tasks.delete(taskId)
    for (const task of changed) this.#tasks.set(task.info.taskId, task)
    this.#warn(undefined)
    this.#list?.markLoaded()
    this.#list?.draw()
    const now = this.#listed(this.#shownTask)
    if (now !== before) this.#view?.update(now)
  }

  /** Finds a task by id, or by the pid that a link or an attribute may contain. */
  #listed(key: string | undefined): ListedTask | undefined {
    if (key === undefined) return undefined
    return this.#tasks.get(key) ?? [...this.#tasks.values()].find(({ info }) => String(info.supervisorPid) === key)
  }

  #connectionChanged(state: ConnectionState, message?: string): void {
    this.dataset.connection = state
    if (state === 'live') this.#warn(undefined)
    else if (state === 'refused') this.#warn(message ?? 'The server refused the request.')
    else if (state === 'waiting') this.#warn(message ?? 'Connection lost; reconnecting…')
  }

  #warn(message: string | undefined): void {
    this.#banner.hidden = message === undefined
    setText(this.#banner, message ?? '')
  }

  #tick(): void {
    if (document.hidden) return
    this.#list?.draw()
    this.#view?.tick()
  }

  /** The scrollback is not part of the page, so the browser's own search cannot find it. */
  #pressed(event: KeyboardEvent): void {
    const target = event.target as Element
    const isTyping = target.matches('input, textarea, select') && target.closest('.terminal-box') === null
    const isFind = event.key === 'f' && (event.ctrlKey || event.metaKey)
    if (this.#view === undefined || !(isFind || (event.key === '/' && !isTyping))) return
    event.preventDefault()
    this.#view.focusSearch()
  }

  #visibilityChanged(): void {
    const close = () => {
      if (document.hidden) this.#connection?.close()
    }
    if (document.hidden) this.#timers.push(window.setTimeout(close, HIDDEN_TIMEOUT_MS))
    else this.#connection?.resume()
  }

  get #theme(): 'dark' | 'light' {
    const wanted = this.getAttribute('theme')
    return wanted === 'dark' || wanted === 'light' ? wanted : this.#darkness.matches ? 'dark' : 'light'
  }

  #themeChanged(): void {
    if (this.#view !== undefined) this.#view.theme = this.#theme
  }
}
