import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from '@bgtask/client'
import { eventually, needs } from '@bgtask/testkit'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { serveConsole } from '../src/index.js'
import { launchBrowser, problemsOf } from './support/browser.js'
import { TestPool } from './support/pool.js'

/** Creates missing images, or all with `BGTASK_SCREENSHOTS=1`: they contain times and pids that always differ. */
const IMAGES = join(import.meta.dirname, '../../../docs/images')
const isWanted = process.env.BGTASK_SCREENSHOTS === '1'

const DESKTOP = { viewport: { width: 1280, height: 720 } }
const PHONE = { viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true }

describe.runIf(needs('chromium-headless-shell'))('screenshots for the documents', () => {
  let browser: Browser
  let pool: TestPool
  let url: string

  beforeAll(async () => {
    browser = await launchBrowser()
    pool = new TestPool()
    await startTasks(pool)
    const served = await serveConsole({ pool, write: true })
    url = served.url
    return async () => {
      await browser.close()
      await served.close()
      await pool[Symbol.asyncDispose]()
    }
  })

  const open = async (options: BrowserContextOptions, name?: string): Promise<Page> => {
    const context = await browser.newContext(options)
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const problems = problemsOf(page)
    onTestFinished(() => expect(problems).toEqual([]))
    await page.goto(url)
    if (name !== undefined) await page.getByRole('listitem').filter({ hasText: name }).getByRole('button').click()
    return page
  }

  test('screenshot of live output with times, in the dark theme', async () => {
    const page = await open({ ...DESKTOP, colorScheme: 'dark' }, 'web-server')
    await page.getByText('slow query').nth(3).waitFor()
    await page.getByRole('button', { name: 'Times' }).click()
    await shoot(page, 'console-dark')
  })

  test('screenshot of a search and the inspector, in the light theme', async () => {
    const page = await open({ ...DESKTOP, colorScheme: 'light' }, 'import')
    await page.getByText('row 1834').waitFor()
    await page.getByLabel('Search the output').fill('row 18')
    await page.getByText('46/46').waitFor()
    await page.getByRole('button', { name: 'Inspect', exact: true }).click()
    await page.getByText('supervisorPid').waitFor()
    await shoot(page, 'console-light')
  })

  test('screenshot of the list on a phone', async () => {
    const page = await open({ ...PHONE, colorScheme: 'light' })
    await page.getByText('Orphaned').waitFor()
    await page.getByText('/s', { exact: false }).first().waitFor()
    await shoot(page, 'console-phone-list')
  })

  test('screenshot of a task on a phone', async () => {
    const page = await open({ ...PHONE, colorScheme: 'dark' }, 'web-server')
    await page.getByText('slow query').nth(1).waitFor()
    await shoot(page, 'console-phone-task')
  })
})

/** Starts one task of each kind. */
async function startTasks(pool: TestPool): Promise<void> {
  const start = (name: string, cmd: string, meta = {}): Promise<Task> =>
    pool.start(cmd, { cwd: '/', meta: { name, ...meta } })
  const crawler = await start('crawler', 'sleep 600')
  await start('thumbnails', 'echo 1,204 images')
  const report = await start('nightly-report', 'echo "cannot reach the warehouse" >&2; exit 3')
  await report.wait()
  await start('import', 'for i in $(seq 1 1834); do echo "customers.csv: row $i"; done; sleep 600', {
    progress: { done: 1834, total: 3000, text: 'customers.csv' },
  })
  const paused = await start('transcode', 'sleep 600')
  await paused.pause()
  const requests = `i=0; while sleep 0.03; do i=$((i+1)); echo "GET /items/$i \\033[32m200\\033[0m in $((i%7+2)) ms"; [ $((i%9)) = 0 ] && echo "slow query: \\033[31m$((i*13)) ms\\033[0m" >&2; done`
  await start('web-server', `echo "\\033[1;32mready\\033[0m on \\033[4mhttp://localhost:8080\\033[0m"; ${requests}`, {
    env: 'production',
    team: 'shop',
  })
  process.kill(crawler.pid, 'SIGKILL')
  await eventually(async () => (await pool.lost()).length === 1)
}

async function shoot(page: Page, name: string): Promise<void> {
  const file = join(IMAGES, `${name}.png`)
  const image = await page.screenshot()
  if (!isWanted && existsSync(file)) return
  mkdirSync(IMAGES, { recursive: true })
  writeFileSync(file, image)
}
