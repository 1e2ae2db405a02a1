/** What is known of the rows from `row` on, up to the next mark. */
export interface RowMark {
  /** Counted from the first row that the terminal ever had, so it does not change when old rows go. */
  readonly row: number
  readonly stream: 'stdout' | 'stderr'
  /** When the supervisor read it (Unix ms). */
  readonly at?: number
  /** Position at which a view would have to begin to begin here. */
  readonly position: string
}

/** Which output lies on which rows of a terminal. */
export class Rows {
  #marks: RowMark[] = []

  /** Marks must be added in order. Several on one row: the first tells of it. */
  add(mark: RowMark): void {
    const last = this.#marks.at(-1)
    // Output that moved the cursor up writes over rows that are marked already.
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

  /** Forgets rows before `row`; now and then, since it costs a copy. */
  trim(row: number): void {
    const gone = this.#marks.findIndex((mark) => mark.row > row) - 1
    if (gone > this.#marks.length / 2) this.#marks = this.#marks.slice(gone)
  }

  /** After a change of width every row lies elsewhere, or is gone (undefined). */
  move(where: (row: number) => number | undefined): void {
    const moved = this.#marks.map((mark) => ({ ...mark, row: where(mark.row) }))
    this.#marks = moved.filter((mark): mark is RowMark => mark.row !== undefined)
  }
}
