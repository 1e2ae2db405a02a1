/** What came of one peer's samples, or of a question. */
export type Result = { samples: number[] } | { value: boolean } | { cannot: string } | { failed: string }

export interface Peer {
  id: string
  title: string
  how: string
  /** Its version. */
  installed?: string
}

export interface Row {
  title: string
  unit: string
  /** More is better. */
  more?: boolean
  results: Map<string, Result>
}

export interface Growth {
  /** Name of the plot, without `.svg`. */
  file: string
  title: string
  x: string
  y: string
  points: { series: string; x: number; y: number }[]
  notes?: string[]
}

export function resultsText(results: {
  command: string
  machine: string
  /** Load averages at the start and at the end. */
  loads: [number[], number[]]
  minutes: number
  peers: Peer[]
  absent: Peer[]
  rows: Row[]
  growths: Growth[]
  /** False where what draws the plots is missing, undefined where none were wanted. */
  plotted?: boolean
}): string
