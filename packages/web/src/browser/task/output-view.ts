import type { ConsoleEvent, EndReason, GapReason, View } from '../../shared/messages.js'
import { h, setText } from '../dom.js'
import { formatBytes, formatCount } from '../text/format.js'
import { Gutter } from './gutter.js'
import { Search, type SearchState } from './search.js'
import { OutputTerminal } from './terminal.js'

export interface OutputViewOptions {
  readonly view: View
  readonly root: ShadowRoot
  readonly theme: 'dark' | 'light'
  /** Position to begin at; if undefined, the server decides. */
  readonly from: string | undefined
  readonly onSearch: (state: SearchState) => void
}

/** One tab of a task: its terminal, gutter and search, and the position in the output. */
export class OutputView {
  readonly element: HTMLElement
  readonly terminal: OutputTerminal
  readonly search: Search
  /** Position after the last received event. */
  position: string | undefined
  /** Set when this run of the task can produce no more output. */
  ended: EndReason | undefined
  readonly #gutter: Gutter
  readonly #more: HTMLButtonElement
  readonly #empty = h('p', { class: 'empty' }, 'No output yet.')
  readonly #resized: ResizeObserver
  readonly #view: View
  #isOpen = false
  #frame = 0
  #cols = 0

  constructor({ view, root, theme, from, onSearch }: OutputViewOptions) {
    this.#view = view
    this.position = from
    this.terminal = new OutputTerminal(root, theme)
    this.search = new Search(this.terminal, onSearch)
    this.#gutter = new Gutter(this.terminal)
    this.#more = h('button', {
      type: 'button',
      class: 'more',
      hidden: true,
      onclick: () => this.terminal.scrollToEnd(),
    })
    this.terminal.element.tabIndex = 0
    this.terminal.element.setAttribute('role', 'region')
    this.terminal.element.setAttribute('aria-label', `Output (${view}); arrow and page keys scroll`)
    this.terminal.element.addEventListener('keydown', (event) => this.#pressed(event))
    const panel = { class: 'output', role: 'tabpanel', id: `panel-${view}`, 'aria-labelledby': `tab-${view}` }
    this.element = h('div', panel, this.#gutter.element, this.terminal.element, this.#empty, this.#more)
    this.element.classList.toggle('both', view === 'merged')
    this.#resized = new ResizeObserver(() => this.#fit())
    this.terminal.onchange = () => this.#drawSoon()
  }

  /** Must be called when the element is shown. */
  shown(): void {
    if (!this.#isOpen) {
      this.#isOpen = true
      this.terminal.open()
      this.#resized.observe(this.terminal.element)
    }
    this.#fit()
  }

  /** Processes an event of the task's output. Resolves when ready for the next one. */
  async received({ event, data, id }: ConsoleEvent): Promise<void> {
    const before = this.position ?? this.#view
    if (id !== undefined) this.position = id
    if (event === 'output') {
      const { stream, offset, at, data: base64 } = data as ConsoleEvent<'output'>['data']
      this.#empty.remove()
      const ofStream = this.#view === 'merged' ? undefined : offset
      await this.terminal.write({ stream, at, data: decodeBase64(base64), position: before, offset: ofStream })
    } else if (event === 'gap') {
      const { stream, from, to, reason } = data as ConsoleEvent<'gap'>['data']
      this.#empty.remove()
      this.terminal.writeNote(gapText(stream, from, to, reason), { stream, position: before })
    } else if (event === 'end') {
      const { reason, message } = data as ConsoleEvent<'end'>['data']
      this.ended = reason
      setText(this.#empty, endText(reason, message))
    }
  }

  /** Position of the first visible row, for a link. */
  visiblePosition(): string | undefined {
    const { buffer } = this.terminal.xterm
    return this.terminal.rows.at(this.terminal.absolute(buffer.active.viewportY))?.position
  }

  set showsTimes(shows: boolean) {
    this.#gutter.showsTimes = shows
    this.#fit()
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame)
    this.#resized.disconnect()
    this.search.clear()
    this.terminal.dispose()
    this.element.remove()
  }

  #fit(): void {
    this.terminal.fit()
    const { cols } = this.terminal.xterm
    if (this.#cols !== 0 && this.#cols !== cols) this.search.restart()
    this.#cols = cols
    this.#drawSoon()
  }

  #drawSoon(): void {
    // Every scrolled line requests a redraw: draw once per frame.
    if (this.#frame !== 0) return
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0
      this.#gutter.draw()
      const count = this.terminal.newRows
      this.#more.hidden = count === undefined
      setText(
        this.#more,
        count === 0 || count === undefined ? '↓ End' : `↓ ${formatCount(count)} new ${count === 1 ? 'line' : 'lines'}`,
      )
      this.search.resume()
    })
  }

  #pressed(event: KeyboardEvent): void {
    const { rows, buffer } = this.terminal.xterm
    const { viewportY, baseY } = buffer.active
    const row = {
      ArrowUp: viewportY - 1,
      ArrowDown: viewportY + 1,
      PageUp: viewportY - rows + 1,
      PageDown: viewportY + rows - 1,
      Home: 0,
      End: baseY,
    }[event.key]
    if (event.ctrlKey || event.altKey || event.metaKey || row === undefined) return
    event.preventDefault()
    if (row < baseY) this.terminal.scrollTo(row)
    else this.terminal.scrollToEnd()
  }
}

function decodeBase64(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index)
  return bytes
}

function gapText(stream: string, from: number, to: number, reason: GapReason): string {
  const what = `${formatBytes(to - from)} of ${stream} (offset ${formatCount(from)} to ${formatCount(to)})`
  return reason === 'dropped'
    ? `${what} are no longer kept`
    : `${what} are not shown in this view, but are part of the download`
}

function endText(reason: EndReason, message: string | undefined): string {
  if (reason === 'eof') return 'The task wrote no output.'
  if (reason === 'gone') return 'The supervisor is gone, and its buffered output is lost.'
  if (reason === 'not-found') return 'Task not found; it may have been removed.'
  return message ?? 'The output cannot be read.'
}
