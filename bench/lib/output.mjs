import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Set by `installed.mjs`, which runs a copy of this directory: where results go, and that the packages are installed ones. */
export const OUTPUT_VARIABLE = 'BGTASK_BENCH_OUTPUT'

export const outputDirectory = process.env[OUTPUT_VARIABLE] ?? join(import.meta.dirname, '..')

export const packages =
  process.env[OUTPUT_VARIABLE] === undefined
    ? 'the packages of this clone'
    : 'packages that npm has installed from tarballs'

/** What earlier runs have written, by id: a run may measure a part only. */
export function readResults(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
}

export function writeResults(path, results) {
  writeFileSync(path, `${JSON.stringify(results, rounded, 1)}\n`)
}

/** Further digits are noise. */
function rounded(_, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value
}
