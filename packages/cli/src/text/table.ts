/** A cell, or one whose shown text has colour codes that take no room. */
export type Cell = string | { readonly text: string; readonly shown: string }

/** Rows under a heading, in columns two blanks apart. Where there is a width, what goes beyond it is cut off the last column. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[], width?: number): string[] {
  const all: (readonly Cell[])[] = [heading, ...rows]
  const widths = heading.map((_, column) => Math.max(...all.map((row) => textOf(row[column]).length)))
  return all.map((row) => {
    let left = width ?? Number.POSITIVE_INFINITY
    const cells = row.map((cell, column) => {
      const isLast = column === row.length - 1
      const text = textOf(cell)
      const room = isLast ? Math.max(0, left) : (widths[column] ?? 0)
      left -= room + 2
      if (isLast) return text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : shownOf(cell)
      return shownOf(cell) + ' '.repeat(room - text.length)
    })
    return cells.join('  ').trimEnd()
  })
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'string' ? cell : (cell?.text ?? '')
}

function shownOf(cell: Cell | undefined): string {
  return typeof cell === 'string' ? cell : (cell?.shown ?? '')
}
