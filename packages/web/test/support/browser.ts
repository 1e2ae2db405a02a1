import { pathOf } from '@bgtask/testkit'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'

/** Disables features that a test machine lacks. Names under `.example` resolve to this machine, as after DNS rebinding. */
const ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP *.example 127.0.0.1',
]

export function launchBrowser(): Promise<Browser> {
  const executablePath = pathOf('chromium-headless-shell')
  return chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0, args: ARGS })
}

/** Collects problems of a page: errors of its scripts and violations of its Content-Security-Policy. */
export function problemsOf(page: Page): string[] {
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('ERR_CONNECTION')) problems.push(message.text())
  })
  return problems
}

/** The visible rows of the terminal, without empty ones at the end. */
export async function shownRows(page: Page | Locator): Promise<string[]> {
  const rows = await page.locator('.output:not([hidden]) .xterm-rows > div').allInnerTexts()
  const lines = rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd())
  while (lines.at(-1) === '') lines.pop()
  return lines
}
