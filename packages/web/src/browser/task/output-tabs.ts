import { VIEWS, type View } from '../../shared/messages.js'
import { h } from '../dom.js'

const LABELS: Readonly<Record<View, string>> = { merged: 'Merged', stdout: 'stdout', stderr: 'stderr' }

/** The tabs above a task's output; selected with a click or the arrow keys. */
export class OutputTabs {
  readonly element: HTMLElement
  readonly #tabs: ReadonlyMap<View, HTMLButtonElement>
  readonly #choose: (view: View) => void
  #selected: View = 'merged'

  constructor(choose: (view: View) => void) {
    this.#choose = choose
    this.#tabs = new Map(VIEWS.map((view) => [view, this.#tab(view)]))
    const onkeydown = (event: KeyboardEvent) => this.#pressed(event)
    this.element = h(
      'div',
      { class: 'tabs', role: 'tablist', 'aria-label': 'Output', onkeydown },
      ...this.#tabs.values(),
    )
  }

  set selected(view: View) {
    this.#selected = view
    for (const [name, tab] of this.#tabs) {
      tab.setAttribute('aria-selected', String(name === view))
      tab.tabIndex = name === view ? 0 : -1
    }
  }

  #tab(view: View): HTMLButtonElement {
    const controls = { id: `tab-${view}`, 'aria-controls': `panel-${view}`, onclick: () => this.#choose(view) }
    return h('button', { type: 'button', role: 'tab', ...controls }, LABELS[view])
  }

  #pressed(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step === undefined) return
    const next = VIEWS[(VIEWS.indexOf(this.#selected) + step + VIEWS.length) % VIEWS.length] as View
    this.#choose(next)
    this.#tabs.get(next)?.focus()
  }
}
