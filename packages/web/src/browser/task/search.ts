import { type LogicalLine, logicalLine } from './logical-lines.js'
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
  /** False while the search goes on, and where it gave up counting. */
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
  #isComplete = true
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
    this.#isComplete = true
    this.#terminal.xterm.clearSelection()
    this.#report()
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
    if (!isOver) this.goOn()
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
   * Where in its line a character lies: cells and characters differ where characters are wide, or combine. Must be asked in
   * order, so that a line of megabytes is walked once, not once a match.
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
    const lastInSight = this.#terminal.absolute(viewportY + this.#terminal.xterm.rows)
    const isPast = this.#searchedUpTo >= lastInSight
    if ((!isPast && !isOver) || this.#matches.length === 0) return
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
    this.#tell({ current: this.#current + 1, count: this.#matches.length, isComplete: this.#isComplete })
  }
}
