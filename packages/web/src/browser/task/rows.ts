/** Describes the rows from `row` up to the next mark. */
export interface RowMark {
  /** Counted from the terminal's first row ever, so it does not change when old rows are dropped. */
  readonly row: number
  readonly stream: 'stdout' | 'stderr'
  /** When the supervisor read it (Unix ms). */
  readonly at?: number
  /** Position with which a view begins here. */
  readonly position: string
}

/** Maps rows of a terminal to output. */
export class Rows {
  #marks: RowMark[] = []

  /** Adds a mark. Marks must be added in order; the first one of a row wins. */
  add(mark: RowMark): void {
    const last = this.#marks.at(-1)
    // Output that moved the cursor up overwrites rows that are already marked.
    if (last === undefined || mark.row > last.row) this.#marks.push(mark)
  }

  at(row: number): RowMark | undefined {
    let [low, high] = [0, this.#marks.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#marks[middle] as RowMark).row <= row) low = middle + 1
      else high = middle
    }
    return this.#marks[low - 1]
  }

  /** Drops marks before `row`; only if that frees half of them, since it copies the rest. */
  trim(row: number): void {
    const gone = this.#marks.findIndex((mark) => mark.row > row) - 1
    if (gone > this.#marks.length / 2) this.#marks = this.#marks.slice(gone)
  }

  /** Moves all marks after a change of width. `newRow` returns undefined for a row that was dropped. */
  move(newRow: (row: number) => number | undefined): void {
    const moved = this.#marks.map((mark) => ({ ...mark, row: newRow(mark.row) }))
    this.#marks = moved.filter((mark): mark is RowMark => mark.row !== undefined)
  }
}
