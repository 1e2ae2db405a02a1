import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Opens an address in the user's browser, where there is one; it was printed anyway. Arguments of programs can be seen by
 * everybody on the machine, so the browser is given a file of the user's that leads to the address.
 *
 * @returns removes that file.
 */
export function openInBrowser(url: string): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'bgtask-console-'))
  const file = join(directory, 'open.html')
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0;url=${url}">`, { mode: 0o600 })
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open'
  spawn(program, [file], { detached: true, stdio: 'ignore' })
    .on('error', () => {})
    .unref()
  return () => rmSync(directory, { recursive: true, force: true })
}
