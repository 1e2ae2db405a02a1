import type { IBuffer } from '@xterm/xterm'

/** A line as it was written, which may lie on several rows. */
export interface LogicalLine {
  readonly text: string
  /** First row, in the buffer's count. */
  readonly row: number
  readonly rows: number
}

/** The line that begins at `row`; its rows are those that follow by wrapping. */
export function logicalLine(buffer: IBuffer, row: number): LogicalLine {
  let text = ''
  let rows = 0
  do {
    const isLast = buffer.getLine(row + rows + 1)?.isWrapped !== true
    text += buffer.getLine(row + rows)?.translateToString(isLast) ?? ''
    rows += 1
  } while (buffer.getLine(row + rows)?.isWrapped)
  return { text, row, rows }
}

/** First row of the line that `row` belongs to. */
export function lineStart(buffer: IBuffer, row: number): number {
  let start = row
  while (start > 0 && buffer.getLine(start)?.isWrapped) start -= 1
  return start
}

/** For each row, how many lines (not rows) lie between its line and the cursor's, and how far into its line it is. */
export function rowsToLines(buffer: IBuffer): Map<number, number> {
  const cursor = lineStart(buffer, buffer.baseY + buffer.cursorY)
  const lines = new Map<number, number>()
  let above = 0
  for (let row = cursor; row >= 0; row -= 1) {
    lines.set(row, above)
    if (!buffer.getLine(row)?.isWrapped) above += 1
  }
  return lines
}

/** The other way round: where the first row of each line is now. */
export function linesToRows(buffer: IBuffer): number[] {
  const cursor = lineStart(buffer, buffer.baseY + buffer.cursorY)
  const rows: number[] = []
  for (let row = cursor; row >= 0; row -= 1) if (!buffer.getLine(row)?.isWrapped) rows.push(row)
  return rows
}
