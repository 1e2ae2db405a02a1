import { printable } from '@bgtask/os'
import type { SomeSurvivors } from '@bgtask/protocol'

/** More would fill the terminal. */
const MAX_NAMED = 10

/** Lists the processes that outlived a stop in one line: `12 (sleep 1000), 13 (cat) and 5 more`. */
export function survivorsText({ survivors, moreSurvivors = 0 }: SomeSurvivors): string {
  const names = survivors.slice(0, MAX_NAMED).map(({ pid, command }) => `${pid} (${printable(command)})`)
  const more = survivors.length - names.length + moreSurvivors
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more`
}
