import { ProcessTable } from '@bgtask/os'

let table: ProcessTable | undefined

/** All processes, read once for all callers in one turn of the event loop, so that a list of many lost tasks costs one scan. */
export function processTable(): ProcessTable {
  if (table === undefined) {
    table = new ProcessTable()
    queueMicrotask(() => {
      table = undefined
    })
  }
  return table
}
