import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** The package, where cargo works. */
export const crate = resolve(import.meta.dirname, '../..')

/** The program as `pnpm build` makes it. */
export const binary = resolve(crate, `../supervisor-linux-${process.arch}/bgtask-supervisor`)

/** Whether there is such a program; a machine without Rust goes without, but not one that decides over a change. */
export function hasBinary(): boolean {
  return orFail(existsSync(binary), `${binary}, which pnpm build makes with cargo`)
}

export function hasCargo(): boolean {
  return orFail(spawnSync('cargo', ['--version']).status === 0, 'cargo')
}

function orFail(there: boolean, what: string): boolean {
  if (!there && process.env.CI === 'true') throw new Error(`These tests need ${what}`)
  return there
}
