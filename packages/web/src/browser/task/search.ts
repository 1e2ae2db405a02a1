import { logicalLine } from './logical-lines.js'
import type { OutputTerminal } from './terminal.js'

/** The most matches that are counted; nobody steps through more. */
const MAX_MATCHES = 10_000

/** How long (ms) one slice of a search may take, so that typing goes on. */
const SLICE_MS = 8

interface Match {
  /** Counted from the terminal's first row ever. */
  readonly row: number
  readonly column: number
  readonly cells: number
}

export interface SearchState {
  /** From 1; 0 while there is none. */
  readonly current: number
  readonly count: number
  readonly isComplete: boolean
}

/** Looks for text in all rows of a terminal, in slices, and goes on where output was added. */
export class Search {
  readonly #terminal: OutputTerminal
  readonly #tell: (state: SearchState) => void
  #text = ''
  #matches: Match[] = []
  #current = -1
  #searchedUpTo = 0
  #slice = 0

  constructor(terminal: OutputTerminal, tell: (state: SearchState) => void) {
    this.#terminal = terminal
    this.#tell = tell
  }

  /** Begins anew where the text differs; the match nearest above the end of what is in sight becomes the current one. */
  start(text: string): void {
    if (text === this.#text) return
    this.clear()
    this.#text = text
    this.goOn()
  }

  /** Looks at rows that came since. */
  goOn(): void {
    if (this.#text !== '' && this.#slice === 0) this.#slice = window.setTimeout(() => this.#searchSlice())
  }

  /** After a change of width rows lie elsewhere. */
  again(): void {
    const text = this.#text
    this.clear()
    this.start(text)
  }

  clear(): void {
    clearTimeout(this.#slice)
    this.#slice = 0
    this.#text = ''
    this.#matches = []
    this.#current = -1
    this.#searchedUpTo = 0
    this.#terminal.xterm.clearSelection()
    this.#report(true)
  }

  /** @param direction 1 to the next match, -1 to the one before; around the ends. */
  step(direction: 1 | -1): void {
    this.#dropTrimmed()
    if (this.#matches.length === 0) return
    this.#current = (this.#current + direction + this.#matches.length) % this.#matches.length
    this.#show()
  }

  #searchSlice(): void {
    this.#slice = 0
    const buffer = this.#terminal.xterm.buffer.active
    const { trimmed } = this.#terminal
    const needle = this.#text.toLowerCase()
    // Upper case asks for upper case.
    const isExact = needle !== this.#text
    const deadline = performance.now() + SLICE_MS
    // The cursor's line may still grow.
    const end = buffer.baseY + buffer.cursorY
    let row = Math.max(0, this.#searchedUpTo - trimmed)
    while (row < end && performance.now() < deadline && this.#matches.length < MAX_MATCHES) {
      for (let count = 0; count < 64 && row < end; count += 1) {
        const line = logicalLine(buffer, row)
        const text = isExact ? line.text : line.text.toLowerCase()
        for (let at = text.indexOf(isExact ? this.#text : needle); at >= 0; ) {
          this.#matches.push(this.#match(line.row, text, at))
          at = text.indexOf(isExact ? this.#text : needle, at + needle.length)
        }
        row += line.rows
      }
    }
    this.#searchedUpTo = row + trimmed
    const isComplete = row >= end || this.#matches.length >= MAX_MATCHES
    if (this.#current < 0) this.#choose(isComplete)
    this.#report(isComplete)
    if (!isComplete) this.goOn()
  }

  /** Cells and characters differ where characters are wide, or combine. */
  #match(row: number, text: string, at: number): Match {
    const { cols, buffer } = this.#terminal.xterm
    let characters = 0
    let [start, end] = [-1, -1]
    for (let cell = 0; end < 0; cell += 1) {
      if (characters >= at && start < 0) start = cell
      if (characters >= at + this.#text.length) end = cell
      const line = buffer.active.getLine(row + Math.floor(cell / cols))
      if (line === undefined || characters > text.length) break
      characters +=
        line.getCell(cell % cols)?.getChars().length || (line.getCell(cell % cols)?.getWidth() === 0 ? 0 : 1)
    }
    const absolute = this.#terminal.absolute(row + Math.floor(Math.max(start, 0) / cols))
    return { row: absolute, column: Math.max(start, 0) % cols, cells: Math.max(1, end - start) }
  }

  #choose(isComplete: boolean): void {
    const { viewportY } = this.#terminal.xterm.buffer.active
    const lastInSight = this.#terminal.absolute(viewportY + this.#terminal.xterm.rows)
    const isPast = this.#searchedUpTo >= lastInSight
    if ((!isPast && !isComplete) || this.#matches.length === 0) return
    const below = this.#matches.findIndex(({ row }) => row >= lastInSight)
    this.#current = below === -1 ? this.#matches.length - 1 : Math.max(0, below - 1)
    this.#show()
  }

  #show(): void {
    const match = this.#matches[this.#current]
    if (match === undefined) return
    const { xterm, trimmed } = this.#terminal
    const row = match.row - trimmed
    xterm.select(match.column, row, match.cells)
    const { viewportY } = xterm.buffer.active
    if (row < viewportY || row >= viewportY + xterm.rows) xterm.scrollToLine(Math.max(0, row - (xterm.rows >> 1)))
    this.#report(true)
  }

  #dropTrimmed(): void {
    const gone = this.#matches.findIndex(({ row }) => row >= this.#terminal.trimmed)
    if (gone <= 0) return
    this.#matches.splice(0, gone)
    this.#current = Math.max(0, this.#current - gone)
  }

  #report(isComplete: boolean): void {
    this.#tell({ current: this.#current + 1, count: this.#matches.length, isComplete })
  }
}
