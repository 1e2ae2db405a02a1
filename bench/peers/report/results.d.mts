/** What came of one peer's samples, or of a question. */
export type Result = { samples: number[] } | { value: boolean } | { cannot: string } | { failed: string }

export interface Peer {
  id: string
  title: string
  how: string
  /** Its version; undefined if it is not installed. */
  installed?: string
  /** It is bgtask in another way, so it is not what bgtask is compared with. */
  isOurs?: boolean
}

export interface Row {
  title: string
  unit: string
  /** More is better. */
  more?: boolean
  /** By the peers' ids. */
  results: Record<string, Result>
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
  /** What each piece of work took. */
  seconds: Record<string, number>
  /** Load averages before and after each. */
  loads: number[]
  peers: Peer[]
  rows: Row[]
  growths: Growth[]
  /** False where what draws the plots is missing, undefined where none were wanted. */
  plotted?: boolean
}): string
