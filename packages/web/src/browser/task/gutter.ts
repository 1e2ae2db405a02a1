import { h, setText } from '../dom.js'
import { formatTime } from '../text/format.js'
import type { OutputTerminal } from './terminal.js'

/** Shows the stream of each terminal row, and optionally when it was read. */
export class Gutter {
  readonly element = h('div', { class: 'gutter', 'aria-hidden': 'true' })
  readonly #terminal: OutputTerminal
  #showsTimes = false

  constructor(terminal: OutputTerminal) {
    this.#terminal = terminal
  }

  set showsTimes(shows: boolean) {
    this.#showsTimes = shows
    this.element.classList.toggle('times', shows)
    this.draw()
  }

  draw(): void {
    const { xterm, rows: marks } = this.#terminal
    const buffer = xterm.buffer.active
    while (this.element.childElementCount < xterm.rows) this.element.append(h('div'))
    while (this.element.childElementCount > xterm.rows) this.element.lastElementChild?.remove()
    this.element.style.setProperty('--row-height', `${this.#terminal.cell?.height ?? 0}px`)
    const lastRow = buffer.baseY + buffer.cursorY
    let previous: number | undefined
    for (const [index, cell] of [...this.element.children].entries()) {
      const row = buffer.viewportY + index
      const isEmpty = row > lastRow || (row === lastRow && buffer.cursorX === 0)
      const mark = isEmpty ? undefined : marks.at(this.#terminal.absolute(row))
      cell.className = mark?.stream ?? ''
      const at = this.#showsTimes && !buffer.getLine(row)?.isWrapped ? mark?.at : undefined
      // Show a time only once for lines that were read together.
      setText(cell, at === undefined ? '' : at === previous ? '·' : formatTime(at))
      if (at !== undefined) (cell as HTMLElement).title = new Date(at).toISOString()
      previous = at ?? previous
    }
  }
}
