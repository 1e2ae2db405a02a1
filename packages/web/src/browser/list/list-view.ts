import type { ListedTask } from '../../shared/messages.js'
import { h, setText } from '../dom.js'
import {
  formatBytes,
  formatCount,
  formatDuration,
  runDuration,
  stateText,
  taskName,
  taskProgress,
  taskTone,
} from '../text/format.js'
import { inState, isShown, STATE_FILTERS, type StateFilter } from './filter.js'

const FILTER_LABELS: Readonly<Record<StateFilter, string>> = {
  all: 'All',
  running: 'Running',
  ended: 'Ended',
  failed: 'Failed',
  lost: 'Lost',
}

interface Row {
  readonly item: HTMLLIElement
  readonly button: HTMLButtonElement
  readonly draw: (task: ListedTask, now: number) => void
}

/** The list of tasks, newest first, with its filter. */
export class ListView {
  readonly element: HTMLElement
  readonly #tasks: ReadonlyMap<string, ListedTask>
  readonly #choose: (taskId: string) => void
  readonly #rows = new Map<string, Row>()
  readonly #items = h('ul', { class: 'tasks', onkeydown: (event: KeyboardEvent) => this.#pressed(event) })
  readonly #empty = h('p', { class: 'empty-list' })
  readonly #chips = new Map<StateFilter, HTMLButtonElement>()
  #text = ''
  #state: StateFilter = 'all'
  #selected: string | undefined
  #isLoaded = false

  /** @param tasks by id; the caller updates the map and calls `draw`. */
  constructor(tasks: ReadonlyMap<string, ListedTask>, choose: (taskId: string) => void) {
    this.#tasks = tasks
    this.#choose = choose
    const chips = STATE_FILTERS.map((state) => {
      const chip = h('button', { type: 'button', class: 'chip', onclick: () => this.#filterState(state) })
      this.#chips.set(state, chip)
      return chip
    })
    const search = h('input', {
      type: 'search',
      class: 'filter',
      'aria-label': 'Filter tasks',
      placeholder: 'Filter by words or key=value in meta',
      spellcheck: 'false',
      autocomplete: 'off',
    })
    search.addEventListener('input', () => {
      this.#text = search.value
      this.draw()
    })
    this.element = h(
      'nav',
      { class: 'list', 'aria-label': 'Tasks' },
      h(
        'div',
        { class: 'list-head' },
        search,
        h('div', { class: 'chips', role: 'group', 'aria-label': 'State' }, ...chips),
      ),
      this.#items,
      this.#empty,
    )
  }

  set selected(taskId: string | undefined) {
    this.#selected = taskId
    this.draw()
  }

  /** Must be called when the server has reported all existing tasks. */
  markLoaded(): void {
    this.#isLoaded = true
  }

  draw(): void {
    const now = Date.now()
    for (const [taskId, { item }] of this.#rows) {
      if (this.#tasks.has(taskId)) continue
      item.remove()
      this.#rows.delete(taskId)
    }
    const sorted = [...this.#tasks.values()].sort((a, b) => b.info.createdAt - a.info.createdAt)
    let shown = 0
    for (const [index, task] of sorted.entries()) {
      const { taskId } = task.info
      const row = this.#rows.get(taskId) ?? this.#add(taskId)
      if (this.#items.children[index] !== row.item)
        this.#items.insertBefore(row.item, this.#items.children[index] ?? null)
      row.item.hidden = !isShown(task.info, this.#text, this.#state)
      if (row.item.hidden) continue
      shown += 1
      row.draw(task, now)
      row.button.setAttribute('aria-current', String(taskId === this.#selected))
    }
    for (const [state, chip] of this.#chips) {
      const count = sorted.filter(({ info }) => inState(info, state)).length
      setText(chip, `${FILTER_LABELS[state]} ${formatCount(count)}`)
      chip.setAttribute('aria-pressed', String(state === this.#state))
    }
    this.#items.hidden = shown === 0
    this.#empty.hidden = shown > 0 || !this.#isLoaded
    setText(
      this.#empty,
      sorted.length === 0
        ? 'No tasks in this pool yet. New tasks appear here as they start.'
        : 'No task matches the filter.',
    )
  }

  #filterState(state: StateFilter): void {
    this.#state = state
    this.draw()
  }

  #add(taskId: string): Row {
    const dot = h('span', { class: 'dot', 'aria-hidden': 'true' })
    const name = h('span', { class: 'name' })
    const duration = h('span', { class: 'duration' })
    const state = h('span', { class: 'row-state' })
    const rate = h('span', { class: 'rate' })
    const bar = h('progress', { max: 1, 'aria-label': 'Progress' })
    const words = h('span', { class: 'progress-text' })
    const progress = h('span', { class: 'row-progress' }, bar, words)
    const button = h(
      'button',
      { type: 'button', class: 'task-row', onclick: () => this.#choose(taskId) },
      dot,
      name,
      duration,
      state,
      rate,
      progress,
    )
    const item = h('li', {}, button)
    const draw = (task: ListedTask, now: number) => {
      const lasted = runDuration(task.info, now)
      item.dataset.tone = taskTone(task.info)
      setText(name, taskName(task.info))
      setText(duration, lasted === undefined ? '' : formatDuration(lasted))
      setText(state, stateText(task.info))
      setText(rate, task.rate ? `${formatBytes(task.rate)}/s` : '')
      const done = taskProgress(task.info)
      progress.hidden = done === undefined
      if (done?.part === undefined) bar.removeAttribute('value')
      else bar.value = done.part
      bar.hidden = done?.part === undefined
      setText(words, done?.text ?? '')
    }
    const row = { item, button, draw }
    this.#rows.set(taskId, row)
    return row
  }

  #pressed(event: KeyboardEvent): void {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (step === undefined) return
    const buttons = [...this.#items.querySelectorAll<HTMLButtonElement>('li:not([hidden]) > button')]
    const at = buttons.indexOf((event.target as Element).closest('button') as HTMLButtonElement)
    buttons[Math.min(Math.max(at + step, 0), buttons.length - 1)]?.focus()
    event.preventDefault()
  }
}
