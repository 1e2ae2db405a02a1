import type { ConsoleEvent, ListedTask, View, WriteAction } from '../../shared/messages.js'
import type { Api } from '../connection/api.js'
import { confirm } from '../dialog.js'
import { h, setText } from '../dom.js'
import { type IconName, icon } from '../icon.js'
import { Inspector } from './inspector.js'
import { OutputTabs } from './output-tabs.js'
import { OutputView } from './output-view.js'
import { SearchBar } from './search-bar.js'
import { StdinLine } from './stdin-line.js'
import { TaskActions } from './task-actions.js'
import { TaskHeader } from './task-header.js'

export interface TaskViewOptions {
  readonly root: ShadowRoot
  readonly api: Api
  readonly taskId: string
  readonly theme: 'dark' | 'light'
  readonly view: View
  /** Position at which the first view begins. */
  readonly from: string | undefined
  /** Returns to the list; undefined without a list. */
  readonly back?: () => void
  /** Called when a view must be opened: another tab was selected, or the current one starts again. */
  readonly onView: (view: View) => void
  /** Returns the address of a position in this task. */
  readonly link: (view: View, position: string | undefined) => string
}

/** The console of one task. */
export class TaskView {
  readonly element: HTMLElement
  readonly #options: TaskViewOptions
  readonly #views = new Map<View, OutputView>()
  readonly #tabs = new OutputTabs((view) => this.#choose(view))
  readonly #outputs = h('div', { class: 'outputs' })
  readonly #status = h('p', { class: 'status', role: 'status' })
  readonly #header: TaskHeader
  readonly #actions: TaskActions
  readonly #search: SearchBar
  readonly #stdin: StdinLine
  readonly #inspector: Inspector
  readonly #inspect = tool('panel', 'Inspect', 'Meta and info', () => this.#toggleInspector())
  readonly #begin: HTMLElement
  #view: View
  #task: ListedTask | undefined
  #can: readonly WriteAction[] = []
  #endedRun: number | undefined
  #showsTimes = false
  #theme: 'dark' | 'light'

  constructor(options: TaskViewOptions) {
    const { api, root, taskId, view, from } = options
    this.#options = options
    this.#view = view
    this.#theme = options.theme
    this.#actions = new TaskActions({
      dialogs: root,
      act: (action, body) => api.act(taskId, action, body),
      showStatus: (message, isProblem) => this.#showStatus(message, isProblem),
    })
    this.#header = new TaskHeader(this.#actions.element, options.back)
    this.#search = new SearchBar(() => this.#views.get(this.#view)?.search)
    this.#stdin = new StdinLine({
      send: async (data) => (await api.act(taskId, 'stdin', { data })).acceptedOffset,
      end: async () => {
        const question = {
          title: 'Close stdin?',
          text: 'The program reads end-of-file. Stdin cannot be reopened in this run.',
          action: 'Close',
        }
        if (!(await confirm(root, question))) return false
        await api.act(taskId, 'stdin', { eof: true })
        return true
      },
    })
    this.#inspector = new Inspector(
      { info: () => api.info(taskId), applyMeta: async (patch) => (await api.act(taskId, 'meta', { patch })).meta },
      () => this.#toggleInspector(),
    )
    this.#begin = h(
      'p',
      { class: 'begin', hidden: from === undefined },
      'This view starts at a linked position. ',
      h('button', { type: 'button', class: 'link', onclick: () => this.#fromStart() }, 'Show from the beginning'),
    )
    this.element = this.#build()
    this.#show(view, from)
  }

  /** Position from which to continue the visible tab. */
  get position(): string | undefined {
    return this.#views.get(this.#view)?.position
  }

  get view(): View {
    return this.#view
  }

  /** Must be called when the element is in the document. */
  attached(): void {
    this.#views.get(this.#view)?.shown()
  }

  update(task: ListedTask | undefined): void {
    const isGone = this.#task !== undefined && task === undefined
    this.#task = task ?? this.#task
    this.element.classList.toggle('gone', isGone)
    if (isGone) this.#showStatus('This task was removed. Its last output is still shown here.')
    this.#draw()
    if (!this.#inspector.element.hidden && !isGone) void this.#inspector.refresh()
    this.#reopenIfStartedAgain()
  }

  async received(event: ConsoleEvent): Promise<void> {
    if (event.event === 'opened') {
      this.#can = (event.data as ConsoleEvent<'opened'>['data']).can
      this.#draw()
    } else {
      if (event.event === 'end') {
        this.#endedRun = (event.data as ConsoleEvent<'end'>['data']).run ?? this.#task?.info.run
      }
      await this.#views.get(this.#view)?.received(event)
      this.#reopenIfStartedAgain()
    }
  }

  set theme(theme: 'dark' | 'light') {
    this.#theme = theme
    for (const { terminal } of this.#views.values()) terminal.theme = theme
  }

  focusSearch(): void {
    this.#search.focus()
  }

  /** Durations go on by themselves. */
  tick(): void {
    this.#draw()
  }

  dispose(): void {
    for (const view of this.#views.values()) view.dispose()
    this.element.remove()
  }

  #build(): HTMLElement {
    const times = tool('clock', 'Times', 'Show when each line was read', () => this.#toggleTimes(times))
    times.setAttribute('aria-pressed', 'false')
    const download = tool('download', 'Download', 'Download all kept output of this tab', () => this.#download())
    const link = tool('link', 'Link', 'Copy a link to the first visible line', () => this.#copyLink())
    this.#inspect.setAttribute('aria-expanded', 'false')
    return h(
      'section',
      { class: 'task', 'aria-label': 'Task' },
      ...this.#header.elements,
      this.#status,
      h(
        'div',
        { class: 'toolbar' },
        this.#tabs.element,
        this.#search.element,
        h('div', { class: 'tools' }, times, download, link, this.#inspect),
      ),
      this.#begin,
      h('div', { class: 'body' }, this.#outputs, this.#inspector.element),
      this.#stdin.element,
    )
  }

  #draw(): void {
    if (this.#task === undefined) return
    const { info } = this.#task
    this.#header.draw(this.#task, Date.now())
    this.#actions.update(info, this.element.classList.contains('gone') ? [] : this.#can)
    const hasSupervisor = info.state !== 'orphaned' && info.state !== 'lost'
    this.#inspector.canEdit = hasSupervisor && this.#can.includes('meta')
    this.#stdin.element.hidden = !this.#can.includes('stdin')
    this.#stdin.disable(
      info.pid === null ? 'No process is running' : hasSupervisor ? undefined : 'The supervisor is gone',
    )
  }

  #show(view: View, from?: string): void {
    this.#view = view
    this.#tabs.selected = view
    let shown = this.#views.get(view)
    if (shown === undefined) {
      const { root } = this.#options
      const onSearch = (state: Parameters<SearchBar['show']>[0]) => {
        if (this.#view === view) this.#search.show(state)
      }
      shown = new OutputView({ view, root, theme: this.#theme, from, onSearch })
      shown.showsTimes = this.#showsTimes
      this.#views.set(view, shown)
      this.#outputs.append(shown.element)
    }
    for (const [name, { element }] of this.#views) element.hidden = name !== view
  }

  #choose(view: View): void {
    if (view === this.#view) return
    this.#show(view)
    this.attached()
    this.#search.apply()
    this.#reopen()
  }

  /** The output of a run ends unless a restart adds to it. The restart may be reported before that end. */
  #reopenIfStartedAgain(): void {
    const run = this.#task?.info.run
    if (this.#endedRun !== undefined && run !== undefined && run > this.#endedRun) this.#reopen()
  }

  #reopen(): void {
    this.#endedRun = undefined
    this.#options.onView(this.#view)
  }

  #fromStart(): void {
    this.#begin.hidden = true
    this.#views.get(this.#view)?.dispose()
    this.#views.delete(this.#view)
    this.#show(this.#view)
    this.attached()
    this.#reopen()
  }

  #toggleTimes(button: HTMLElement): void {
    this.#showsTimes = !this.#showsTimes
    button.setAttribute('aria-pressed', String(this.#showsTimes))
    for (const view of this.#views.values()) view.showsTimes = this.#showsTimes
  }

  #toggleInspector(): void {
    const { element } = this.#inspector
    element.hidden = !element.hidden
    this.#inspect.setAttribute('aria-expanded', String(!element.hidden))
    if (!element.hidden) void this.#inspector.refresh()
  }

  async #download(): Promise<void> {
    try {
      const { blob, name } = await this.#options.api.download(this.#options.taskId, this.#view)
      const href = URL.createObjectURL(blob)
      h('a', { href, download: name }).click()
      // By then the browser has started the download.
      setTimeout(() => URL.revokeObjectURL(href), 60_000)
    } catch (error) {
      this.#showStatus((error as Error).message, true)
    }
  }

  async #copyLink(): Promise<void> {
    const link = this.#options.link(this.#view, this.#views.get(this.#view)?.visiblePosition())
    try {
      await navigator.clipboard.writeText(link)
      this.#showStatus('Copied a link to the first visible line.')
    } catch {
      this.#showStatus(link)
    }
  }

  #showStatus(message: string, isProblem = false): void {
    setText(this.#status, message)
    this.#status.classList.toggle('problem', isProblem)
  }
}

function tool(name: IconName, label: string, title: string, onclick: () => unknown): HTMLButtonElement {
  const press = () => void onclick()
  return h('button', { type: 'button', 'aria-label': label, title, onclick: press }, icon(name), h('span', {}, label))
}
