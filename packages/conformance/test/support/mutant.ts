import { fileURLToPath } from 'node:url'
import { supervisorCommand } from '@bgtask/supervisor'
import { type ConformanceCheck, conformanceChecks } from '../../src/index.js'

/** A broken supervisor of `fixtures/mutants`, the title of a check that must catch it, and how the check says so. */
export type Mutant = readonly [mutant: string, title: string, reason: RegExp]

const program = fileURLToPath(new URL('../fixtures/mutant.js', import.meta.url))

/** The check of that title, against a broken supervisor. */
export function checkOf(mutant: string, title: string): ConformanceCheck {
  const supervisorCmd = supervisorCommand([process.execPath, program, mutant])
  const check = conformanceChecks({ supervisorCmd }).find((one) => one.title === title)
  if (check === undefined) throw new Error(`no check has the title: ${title}`)
  return check
}
