import { type LogicalLine, logicalLine } from './logical-lines.js'
import type { OutputTerminal } from './terminal.js'

/** Maximum number of matches to count; users do not step through more. */
const MAX_MATCHES = 10_000

/** Maximum duration (ms) of a slice of a search, so that typing stays responsive. */
const SLICE_MS = 8

interface Match {
  /** Counted from the terminal's first row ever. */
  readonly row: number
  readonly column: number
  readonly cells: number
}

export interface SearchState {
  /** Index from 1; 0 if there is no match yet. */
  readonly current: number
  readonly count: number
  /** False while searching, and if counting stopped at the maximum. */
  readonly isComplete: boolean
}

/** Searches all rows of a terminal in slices, including rows added later. */
export class Search {
  readonly #terminal: OutputTerminal
  readonly #onState: (state: SearchState) => void
  #text = ''
  #matches: Match[] = []
  #current = -1
  #searchedUpTo = 0
  #isComplete = true
  #slice = 0

  constructor(terminal: OutputTerminal, onState: (state: SearchState) => void) {
    this.#terminal = terminal
    this.#onState = onState
  }

  /** Starts a search, unless the text is unchanged. Selects the last match above the end of the visible rows. */
  start(text: string): void {
    if (text === this.#text) return
    this.clear()
    this.#text = text
    this.resume()
  }

  /** Searches rows that were added since. */
  resume(): void {
    if (this.#text !== '' && this.#slice === 0) this.#slice = window.setTimeout(() => this.#searchSlice())
  }

  /** Searches again after a change of width, which moves rows. */
  restart(): void {
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
    this.#isComplete = true
    this.#terminal.xterm.clearSelection()
    this.#report()
  }

  /** @param direction 1 for the next match, -1 for the previous one; wraps around. */
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
    // A search text with capitals is case-sensitive.
    const isExact = needle !== this.#text
    const deadline = performance.now() + SLICE_MS
    // Exclude the cursor's line, which may still grow.
    const end = buffer.baseY + buffer.cursorY
    let row = Math.max(0, this.#searchedUpTo - trimmed)
    while (row < end && performance.now() < deadline && this.#matches.length < MAX_MATCHES) {
      for (let count = 0; count < 64 && row < end; count += 1) {
        const line = logicalLine(buffer, row)
        this.#searchLine(line, isExact ? line.text : line.text.toLowerCase(), isExact ? this.#text : needle)
        row += line.rows
      }
    }
    this.#searchedUpTo = row + trimmed
    const isFull = this.#matches.length >= MAX_MATCHES
    const isOver = row >= end || isFull
    this.#isComplete = isOver && !isFull
    if (this.#current < 0) this.#choose(isOver)
    this.#report()
    if (!isOver) this.resume()
  }

  #searchLine(line: LogicalLine, text: string, needle: string): void {
    const cellAt = this.#cellsOf(line)
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
      if (this.#matches.length >= MAX_MATCHES) return
      const start = cellAt(at)
      const { cols } = this.#terminal.xterm
      const row = this.#terminal.absolute(line.row + Math.floor(start / cols))
      this.#matches.push({ row, column: start % cols, cells: Math.max(1, cellAt(at + needle.length) - start) })
    }
  }

  /**
   * Returns a function that maps a character to its cell; they differ for wide and combining characters. It must be called
   * in ascending order, so that a line of megabytes is scanned once and not once per match.
   */
  #cellsOf({ row, rows }: LogicalLine): (character: number) => number {
    const { cols, buffer } = this.#terminal.xterm
    let characters = 0
    let cell = 0
    return (wanted) => {
      for (; characters < wanted && cell < rows * cols; cell += 1) {
        const content = buffer.active.getLine(row + Math.floor(cell / cols))?.getCell(cell % cols)
        characters += content?.getChars().length || (content?.getWidth() === 0 ? 0 : 1)
      }
      return cell
    }
  }

  #choose(isOver: boolean): void {
    const { viewportY } = this.#terminal.xterm.buffer.active
    const lastVisible = this.#terminal.absolute(viewportY + this.#terminal.xterm.rows)
    const isPast = this.#searchedUpTo >= lastVisible
    if ((!isPast && !isOver) || this.#matches.length === 0) return
    const below = this.#matches.findIndex(({ row }) => row >= lastVisible)
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
    if (row < viewportY || row >= viewportY + xterm.rows) this.#terminal.scrollTo(row - (xterm.rows >> 1))
    this.#report()
  }

  #dropTrimmed(): void {
    const gone = this.#matches.findIndex(({ row }) => row >= this.#terminal.trimmed)
    if (gone <= 0) return
    this.#matches.splice(0, gone)
    this.#current = Math.max(0, this.#current - gone)
  }

  #report(): void {
    this.#onState({ current: this.#current + 1, count: this.#matches.length, isComplete: this.#isComplete })
  }
}
