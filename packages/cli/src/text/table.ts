/** A cell: plain text, or text with a coloured form (colour codes have no width). */
export type Cell = string | { readonly text: string; readonly shown: string }

/** Formats rows under a heading, in columns two spaces apart, cut to `width`. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[], width?: number): string[] {
  const all: (readonly Cell[])[] = [heading, ...rows]
  const widths = heading.map((_, column) => Math.max(...all.map((row) => textOf(row[column]).length)))
  return all.map((row) => {
    let left = width ?? Number.POSITIVE_INFINITY
    const cells = row.map((cell, column) => {
      const text = textOf(cell)
      const room = Math.max(0, Math.min(widths[column] ?? 0, left))
      left -= room + 2
      if (text.length > room) return room === 0 ? '' : `${text.slice(0, room - 1)}…`
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
