import type { IBuffer } from '@xterm/xterm'

/** A line of output, which may wrap over several rows. */
export interface LogicalLine {
  readonly text: string
  /** First row, as an index into the buffer. */
  readonly row: number
  readonly rows: number
}

/** Reads the line that begins at `row`, with the rows that it wraps into. */
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

/** Returns the first row of the line that contains `row`. */
export function lineStart(buffer: IBuffer, row: number): number {
  let start = row
  while (start > 0 && buffer.getLine(start)?.isWrapped) start -= 1
  return start
}

/** Maps each row to the number of lines (not rows) between it and the cursor's line. */
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

/** The inverse: the first row of each line, by its distance from the cursor's line. */
export function linesToRows(buffer: IBuffer): number[] {
  const cursor = lineStart(buffer, buffer.baseY + buffer.cursorY)
  const rows: number[] = []
  for (let row = cursor; row >= 0; row -= 1) if (!buffer.getLine(row)?.isWrapped) rows.push(row)
  return rows
}
