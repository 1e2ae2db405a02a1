import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Opens an address in the user's browser. Ignores a missing browser, since the address is also printed. All users can see
 * the arguments of programs, so the browser gets a private file that redirects to the address.
 *
 * @returns a function that removes the file.
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
