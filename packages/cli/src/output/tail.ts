import type { Gap, Piece, Position } from './task-output.js'

const LF = 0x0a

/** The last lines of an output, and the position after them. */
export interface Tail {
  readonly pieces: (Piece | Gap)[]
  readonly next: Position
}

/**
 * Reads to the end and keeps the last `lines` lines, counted over both streams in the order of reading. An unfinished line
 * counts. Gaps before these lines are dropped.
 */
export async function tailOf(output: AsyncIterable<Piece | Gap>, lines: number): Promise<Tail> {
  const all: (Piece | Gap)[] = []
  for await (const piece of output) all.push(piece)
  const kept: (Piece | Gap)[] = []
  let wanted = lines
  let isLast = true
  for (const piece of all.toReversed()) {
    if (wanted <= 0) break
    if (piece.gap) {
      kept.unshift(piece)
      continue
    }
    const start = startOfLines(piece.data, wanted, isLast)
    kept.unshift({ ...piece, offset: piece.offset + start.index, data: piece.data.subarray(start.index) })
    wanted = start.missing
    isLast = false
  }
  return { pieces: kept, next: all.at(-1)?.next }
}

/** Finds where the last `lines` lines begin; `missing` of them begin before these bytes. */
function startOfLines(data: Uint8Array, lines: number, isLast: boolean): { index: number; missing: number } {
  let missing = lines
  // A line end at the very end of the output begins no line.
  for (let index = isLast ? data.length - 2 : data.length - 1; index >= 0; index -= 1) {
    if (data[index] !== LF) continue
    missing -= 1
    if (missing === 0) return { index: index + 1, missing }
  }
  return { index: 0, missing }
}
