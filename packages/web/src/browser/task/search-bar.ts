import { h, setText } from '../dom.js'
import { icon } from '../icon.js'
import { formatCount } from '../text/format.js'
import type { Search, SearchState } from './search.js'

/** The search field for the visible tab. */
export class SearchBar {
  readonly element: HTMLElement
  readonly #input: HTMLInputElement
  readonly #status = h('output', { class: 'search-status', 'aria-live': 'polite' })
  readonly #search: () => Search | undefined

  /** @param search returns the search of the visible tab. */
  constructor(search: () => Search | undefined) {
    this.#search = search
    this.#input = h('input', {
      type: 'search',
      class: 'search-input',
      'aria-label': 'Search the output',
      placeholder: 'Search output',
      title: 'Press / to search',
      spellcheck: 'false',
      autocomplete: 'off',
      oninput: () => this.apply(),
      onkeydown: (event: KeyboardEvent) => this.#pressed(event),
    })
    const step = (direction: 1 | -1) => () => this.#search()?.step(direction)
    this.element = h(
      'div',
      { class: 'search idle', role: 'search' },
      this.#input,
      this.#status,
      h(
        'button',
        {
          type: 'button',
          class: 'quiet',
          'aria-label': 'Previous match',
          title: 'Previous (Shift+Enter)',
          onclick: step(-1),
        },
        icon('up'),
      ),
      h(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': 'Next match', title: 'Next (Enter)', onclick: step(1) },
        icon('down'),
      ),
    )
  }

  focus(): void {
    this.#input.focus()
    this.#input.select()
  }

  /** Applies the field's text to the visible tab. */
  apply(): void {
    this.element.classList.toggle('idle', this.#input.value === '')
    if (this.#input.value === '') this.#search()?.clear()
    else this.#search()?.start(this.#input.value)
  }

  show({ current, count, isComplete }: SearchState): void {
    const found =
      count === 0
        ? isComplete
          ? 'no match'
          : '…'
        : `${formatCount(current)}/${formatCount(count)}${isComplete ? '' : '…'}`
    setText(this.#status, this.#input.value === '' ? '' : found)
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.#search()?.step(event.shiftKey ? -1 : 1)
    else if (event.key === 'Escape') {
      this.#input.value = ''
      this.apply()
    } else return
    event.preventDefault()
  }
}
