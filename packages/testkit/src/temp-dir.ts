import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { runRoot } from './run.js'

/** A fresh directory for one test; it goes when the test has finished, passed or not. */
export function tempDir(): string {
  const directory = makeTempDir()
  onTestFinished(() => directory.remove())
  return directory.path
}

export interface TempDir extends Disposable {
  /** Absolute and short (below 40 bytes under `/tmp`), so that a socket's 107 bytes are out of reach. */
  path: string
  remove(): void
}

/** The same outside a test (`beforeAll`, a fixture): whoever makes it removes it, and the leak check sees to that. */
export function makeTempDir(): TempDir {
  const path = realpathSync(mkdtempSync(join(runRoot(), 'd')))
  const remove = () => rmSync(path, { recursive: true, force: true })
  return { path, remove, [Symbol.dispose]: remove }
}
