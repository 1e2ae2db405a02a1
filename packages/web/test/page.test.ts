import { createServer } from 'node:http'
import { eventually, needs, runNode } from '@bgtask/testkit'
import express from 'express'
import type { Browser, Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createConsole, nodeListener, serveConsole } from '../src/index.js'
import { launchBrowser, problemsOf, shownRows } from './support/browser.js'
import { listen } from './support/listen.js'
import { type TestPool, testPool } from './support/pool.js'

const NEVER = { steps: [{ killSignal: 'SIGTERM', waitMs: 100 }] } as const

describe.runIf(needs('chromium-headless-shell'))('in a real browser', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
    return () => browser.close()
  })

  async function newPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<{ page: Page; problems: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 700 }, ...options })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    return { page, problems: problemsOf(page) }
  }

  /** Opens the console of a pool, and selects the task `name` if given. */
  async function openPage(pool: TestPool, { write = true, name = '' } = {}) {
    const served = await serveConsole({ pool, write })
    onTestFinished(() => served.close())
    const { page, problems } = await newPage()
    await page.goto(served.url)
    if (name !== '') await choose(page, name)
    return { page, problems, served }
  }

  const choose = (page: Page, name: string) =>
    page.getByRole('listitem').filter({ hasText: name }).getByRole('button').click()

  const shows = (page: Page, what: (rows: string[]) => boolean) =>
    eventually(async () => what(await shownRows(page)), { what: `${what}`, deadlineMs: 20_000 })
  const showsLine = (page: Page, line: string) => shows(page, (rows) => rows.includes(line))

  test('the list shows new, changed and removed tasks without a reload, and a selected task shows its output live', async () => {
    const pool = testPool()
    const task = await pool.start('echo hello; cat', { meta: { name: 'first', team: 'shop' } })
    const { page, problems } = await openPage(pool, { name: 'first' })
    await showsLine(page, 'hello')
    await task.stdin.write('from elsewhere\n')
    await showsLine(page, 'from elsewhere')
    expect(page.url()).not.toContain('token')

    const second = await pool.start('sleep 1000', { meta: { name: 'second' } })
    const row = page.getByRole('listitem').filter({ hasText: 'second' })
    await row.getByText('Running').waitFor()
    await second.applyMeta({ progress: { done: 1, total: 4, text: 'quarter' } })
    await row.getByText('1 of 4 · quarter').waitFor()
    await page.getByLabel('Filter tasks').fill('team=shop')
    await row.waitFor({ state: 'hidden' })
    await page.getByLabel('Filter tasks').fill('')
    await second.kill('KILL')
    await row.getByText('Ended by SIGKILL').waitFor()
    await second.terminateSupervisor()
    await row.waitFor({ state: 'detached' })
    expect(problems).toEqual([])
  })

  test('the output follows its end, stays where the user scrolls to, and counts new lines', async () => {
    const pool = testPool()
    const task = await pool.start('seq 1 1000; cat', { meta: { name: 'long' } })
    const { page } = await openPage(pool, { name: 'long' })
    await showsLine(page, '1000')
    await page.getByRole('region', { name: /^Output/ }).press('Home')
    await shows(page, ([first]) => first === '1')
    await task.stdin.write('a\nb\nc\n')
    const more = page.getByRole('button', { name: '↓ 3 new lines' })
    await more.waitFor()
    expect((await shownRows(page))[0]).toBe('1')
    // The position also survives changes of the page's size.
    const inspect = page.getByRole('button', { name: 'Inspect', exact: true })
    for (const height of [500, 700]) {
      await page.setViewportSize({ width: 1200, height })
      await inspect.click()
      await shows(page, (rows) => rows[0] === '1' && rows.length > 10 && rows.length < height / 18)
    }
    await page.getByRole('region', { name: /^Output/ }).press('PageDown')
    await page.getByRole('region', { name: /^Output/ }).press('Home')
    await shows(page, ([first]) => first === '1')
    await more.click()
    await showsLine(page, 'c')
    await task.stdin.write('d\n')
    await showsLine(page, 'd')
    expect(await more.isHidden()).toBe(true)
  })

  test('search finds, counts and steps through matches in the scrollback', async () => {
    const pool = testPool()
    await pool.start('seq 1 5000; sleep 1000', { meta: { name: 'numbers' } })
    const { page } = await openPage(pool, { name: 'numbers' })
    await showsLine(page, '5000')
    const output = page.getByRole('region', { name: /^Output/ })
    const before = await output.boundingBox()
    await page.keyboard.press('/')
    await page.keyboard.type('234')
    await page.getByText(/^15\/15$/).waitFor()
    await showsLine(page, '4234')
    expect(await output.boundingBox()).toEqual(before)
    await page.keyboard.press('Shift+Enter')
    await page.getByText(/^14\/15$/).waitFor()
    await showsLine(page, '3234')
    await page.getByLabel('Search the output').fill('not there')
    await page.getByText('no match').waitFor()
  })

  /** Each match was located from the beginning of its line, which blocked the page. */
  test('search in a very long line stops counting at a limit, and selects wide characters correctly', async () => {
    const pool = testPool()
    await pool.start(`printf '漢字ab'; head -c 300000 /dev/zero | tr '\\0' a; echo; echo last; sleep 1000`, {
      meta: { name: 'endless' },
    })
    const { page } = await openPage(pool, { name: 'endless' })
    await showsLine(page, 'last')
    await page.getByLabel('Search the output').fill('字')
    await page.getByText('1/1').waitFor()
    await shows(page, ([first]) => first?.startsWith('漢字ab') === true)
    await page.getByLabel('Search the output').fill('a')
    await page.getByText(/^[\d,]+\/10,000…$/).waitFor()
  })

  test('stdin lines arrive in order, are recalled with the arrow keys, and end with EOF', async () => {
    const pool = testPool()
    await pool.start('while read line; do echo "<$line>"; done', { meta: { name: 'reader' } })
    const { page } = await openPage(pool, { name: 'reader' })
    const input = page.getByLabel('A line for standard input')
    for (const line of ['one', 'two', 'three']) {
      await input.fill(line)
      await input.press('Enter')
    }
    await shows(page, (rows) => rows.join() === '<one>,<two>,<three>')
    await input.press('ArrowUp')
    await input.press('ArrowUp')
    expect(await input.inputValue()).toBe('two')
    await input.press('Enter')
    await showsLine(page, '<two>')
    await page.getByText(/^sent, offset \d+$/).waitFor()
    await input.press('Control+d')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await page.getByRole('main').getByText('Exit code 0').waitFor()
  })

  test('keys typed into the output are ignored', async () => {
    const pool = testPool()
    const task = await pool.start('cat', { meta: { name: 'quiet' } })
    const { page } = await openPage(pool, { name: 'quiet' })
    const output = page.getByRole('region', { name: /^Output/ })
    await output.click()
    await page.keyboard.type('rm -rf')
    await page.keyboard.press('Enter')
    await page.getByLabel('A line for standard input').fill('seen')
    await page.getByLabel('A line for standard input').press('Enter')
    await showsLine(page, 'seen')
    expect((await task.stdin.info()).acceptedOffset).toBe(5)
  })

  test('an ended task can be restarted, and its output continues', async () => {
    const pool = testPool()
    await pool.start('echo run; exit 3', { meta: { name: 'again' } })
    const { page } = await openPage(pool, { name: 'again' })
    await page.getByRole('main').getByText('Exit code 3').waitFor()
    await page.getByRole('button', { name: 'Restart' }).click()
    await shows(page, (rows) => rows.join() === 'run,run')
    await page.getByText('run 2').waitFor()
  })

  /** Only ended tasks could be restarted. */
  test.for(['running', 'paused'])('a %s task is stopped and restarted after a confirmation', async (state) => {
    const pool = testPool()
    const task = await pool.start('echo run; sleep 1000', { meta: { name: 'job' } })
    await task.stdout.waitFor('run')
    if (state === 'paused') await task.pause()
    const { page } = await openPage(pool, { name: 'job' })
    const button = page.getByRole('main').getByRole('button', { name: 'Restart…' })
    await button.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Restart job?' })
    await dialog.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await task.info()).toMatchObject({ state, run: 1 })
    await button.press('Enter')
    await dialog.getByRole('button', { name: 'Restart' }).press('Enter')
    await page.getByText('Restarted.').waitFor()
    await shows(page, (rows) => rows.join() === 'run,run')
    expect(await task.info()).toMatchObject({ state: 'running', run: 2 })
  })

  /** The page attributed the end to the new run, and did not show its output. */
  test('output continues if the new run is reported before the end of the old one', async () => {
    const pool = testPool()
    const task = await pool.start('echo run; read line', { meta: { name: 'again' } })
    const handler = createConsole({ pool })
    const reordered = async (request: Request) => endsLater(await handler(request), '"run":2')
    const { page } = await newPage()
    await page.goto(await listen(createServer(nodeListener(reordered))))
    await choose(page, 'again')
    await showsLine(page, 'run')
    await task.stdin.close()
    await task.wait()
    await page.getByRole('main').getByText('Exit code 1').waitFor()
    await task.restart()
    await shows(page, (rows) => rows.join() === 'run,run')
  })

  test('restart does not start a task whose process survived the stop', async () => {
    const pool = testPool()
    const cmd = 'trap "" TERM; echo up; while :; do sleep 0.1; done'
    const task = await pool.start(cmd, { meta: { name: 'stubborn' }, stop: NEVER.steps })
    const { page } = await openPage(pool, { name: 'stubborn' })
    await showsLine(page, 'up')
    await page.getByRole('button', { name: 'Restart…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click()
    await page.getByText(new RegExp(`^Still running after the last signal: ${(await task.info()).pid} `)).waitFor()
    expect((await task.info()).run).toBe(1)
  })

  test('a user who may restart but not stop can restart only ended tasks', async () => {
    const pool = testPool()
    const task = await pool.start('read line', { meta: { name: 'guarded' } })
    const authorize = (_: Request, action: string) => action !== 'stop'
    const handler = createConsole({ pool, readOnly: false, authorize })
    const { page } = await newPage()
    await page.goto(await listen(createServer(nodeListener(handler))))
    await choose(page, 'guarded')
    const main = page.getByRole('main')
    await main.getByRole('button', { name: 'Pause' }).waitFor()
    expect(await main.getByRole('button', { name: 'Restart' }).count()).toBe(0)
    await task.stdin.close()
    await main.getByRole('button', { name: 'Restart' }).waitFor()
  })

  test('stop asks for confirmation, and names survivors; pause and resume are shown', async () => {
    const pool = testPool()
    const task = await pool.start('trap "" TERM; while :; do sleep 0.1; done', {
      meta: { name: 'stubborn' },
      stop: NEVER.steps,
    })
    const { page } = await openPage(pool, { name: 'stubborn' })
    const main = page.getByRole('main')
    await main.getByRole('button', { name: 'Pause' }).click()
    await main.getByText('Paused', { exact: true }).waitFor()
    await main.getByRole('button', { name: 'Resume' }).click()
    await main.getByText('Running', { exact: true }).waitFor()
    await main.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').press('Escape')
    expect((await task.info()).state).toBe('running')
    await main.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await main.getByText(new RegExp(`^Still running after the last signal: ${(await task.info()).pid} `)).waitFor()
  })

  test('a signal reaches the task', async () => {
    const pool = testPool()
    await pool.start('trap "echo usr1" USR1; while :; do sleep 0.1; done', { meta: { name: 'signalled' } })
    const { page } = await openPage(pool, { name: 'signalled' })
    await page.getByRole('button', { name: 'Signal…' }).click()
    await page.getByLabel('Signal', { exact: true }).selectOption('SIGUSR1')
    await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click()
    await showsLine(page, 'usr1')
  })

  test('no line is lost or repeated when the server is killed and restarted', async () => {
    const pool = testPool()
    const task = await pool.start('while read line; do echo "$line"; done', { meta: { name: 'kept' } })
    const serve = async (port: number) => {
      const server = runNode(new URL('fixtures/serve.mjs', import.meta.url).pathname, [pool.path, `${port}`, 'secret'])
      const url = await new Promise<string>((resolve) =>
        server.stdout.once('data', (data) => resolve(`${data}`.trim())),
      )
      return { server, url }
    }
    const first = await serve(0)
    const { page } = await newPage()
    await page.goto(first.url)
    await choose(page, 'kept')
    await task.stdin.write('1\n2\n')
    await showsLine(page, '2')
    first.server.kill('SIGKILL')
    await page.getByText('Connection lost').waitFor()
    await task.stdin.write('3\n')
    await task.stdout.waitFor('3\n')
    await serve(Number(new URL(first.url).port))
    await task.stdin.write('4\n')
    await shows(page, (rows) => rows.join() === '1,2,3,4')
    expect(await page.getByText('Connection lost').isHidden()).toBe(true)
  })

  test('a wrong token is reported', async () => {
    const pool = testPool()
    const { page, served } = await openPage(pool)
    await page.goto(served.url.replace(/token=.*/, 'token=other'))
    await page.getByText('The token is missing or wrong.').waitFor()
  })

  test('two browser tabs show the same, including actions of each other', async () => {
    const pool = testPool()
    await pool.start('cat', { meta: { name: 'both' } })
    const { page, served } = await openPage(pool, { name: 'both' })
    const other = await page.context().newPage()
    // The second tab has no token in its address: the first one stored it for the origin.
    await other.goto(new URL(served.url).origin)
    await choose(other, 'both')
    await page.getByLabel('A line for standard input').fill('hello')
    await page.getByLabel('A line for standard input').press('Enter')
    await showsLine(page, 'hello')
    await showsLine(other, 'hello')
    await other.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('main').getByText('Paused', { exact: true }).waitFor()
  })

  test('output and name of a task cannot run scripts, add links or restyle the page', async () => {
    const pool = testPool()
    const hostile = [
      '\\033]0;evil\\007\\033]2;evil\\033\\\\',
      '\\033]8;;http://evil.example/\\007click\\033]8;;\\007\\n',
      '\\033]52;c;ZXZpbA==\\007\\033]4;7;#000000\\007\\033]10;#000000\\007\\033]11;#000000\\007',
      '<script>window.evil=1</script><img src=x onerror=window.evil=1><style>*{display:none}</style>\\n',
      '\\342\\200\\256txt.exe\\302\\23331mC1\\n',
      '\\033[?1049h\\033[?1000h\\033c\\033[3J',
      '\\033[38;2;1;80;3mtrue colour\\033[0m\\nend\\n',
    ]
    const name = '<img src=x onerror="window.evil=1">\u202egnp.exe'
    await pool.start(`printf '${hostile.join('')}'; sleep 1000`, { meta: { name, progress: { text: '<b>bold</b>' } } })
    const { page, problems } = await openPage(pool)
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const before = { title: await page.title(), background: await background() }
    await page.getByRole('listitem').getByRole('button').click()
    await showsLine(page, 'end')
    const rows = await shownRows(page)
    expect(rows.slice(-5)).toEqual([
      'click',
      '<script>window.evil=1</script><img src=x onerror=window.evil=1><style>*{display:none}</style>',
      '<U+202E>txt.exe<U+009B>31mC1',
      'true colour',
      'end',
    ])
    await page
      .getByRole('main')
      .getByRole('heading', { name: '<img src=x onerror="window.evil=1"><U+202E>gnp.exe' })
      .waitFor()
    expect(await page.evaluate(() => 'evil' in window)).toBe(false)
    expect(await page.locator('bgtask-console a').count()).toBe(0)
    expect(await page.title()).toBe(before.title)
    expect(await background()).toBe(before.background)
    const coloured = page.locator('.xterm-rows span', { hasText: 'true colour' })
    expect(await coloured.evaluate((span) => getComputedStyle(span).color)).toBe('rgb(1, 80, 3)')
    // The styles of that colour and of a selected match comply with the policy.
    await page.getByLabel('Search the output').fill('true')
    await page.getByText('1/1').waitFor()
    expect(problems).toEqual([])
  })

  test('a foreign host name (DNS rebinding) is refused', async () => {
    const pool = testPool()
    const { served } = await openPage(pool)
    const { page } = await newPage()
    const response = await page.goto(`http://evil.example:${served.port}/`)
    expect([response?.status(), await response?.text()]).toEqual([403, expect.stringContaining('evil.example')])
    expect((await page.goto(`http://evil.example:${served.port}/api/events`))?.status()).toBe(403)
  })

  test('a page of another origin can neither read nor write, with or without a CORS preflight', async () => {
    const pool = testPool()
    const task = await pool.start('sleep 1000')
    const handler = createConsole({ pool, readOnly: false })
    const target = await listen(createServer(nodeListener(handler)))
    const evil = await listen(
      createServer((_, response) => response.setHeader('content-type', 'text/html').end('evil')),
    )
    const { page } = await newPage()
    await page.goto(`${evil}/`)
    const stop = `${target}/api/tasks/${task.pid}/stop`
    const attempt = (options: string) =>
      page.evaluate(`fetch(${JSON.stringify(stop)}, ${options}).then((r) => r.type + r.status, (e) => e.name)`)
    expect(
      await attempt(`{ method: 'POST', mode: 'no-cors', body: '{}', headers: { 'content-type': 'text/plain' } }`),
    ).toBe('TypeError')
    expect(await attempt(`{ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }`)).toBe(
      'TypeError',
    )
    expect(await page.evaluate(`fetch('${target}/api/tasks/${task.pid}').then((r) => r.status, (e) => e.name)`)).toBe(
      'TypeError',
    )
    expect((await task.info()).state).toBe('running')
    // The same request from the console's own page succeeds, so the origin was the reason.
    await page.goto(`${target}/`)
    expect(await attempt(`{ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }`)).toBe(
      'basic200',
    )
    expect((await task.info()).state).toBe('exited')
  })

  test('a link opens a task at an offset, with a way to the beginning', async () => {
    const pool = testPool()
    const task = await pool.start('seq 1 500; sleep 1000', { meta: { name: 'linked' } })
    await task.stdout.waitFor('500\n')
    const { taskId } = await task.info()
    const { page, served } = await openPage(pool)
    await page.goto(`${new URL(served.url).origin}/#/t/${taskId}/stdout:1888`)
    await page.reload()
    await shows(page, ([first]) => first === '500')
    await page.getByRole('button', { name: 'Show from the beginning' }).click()
    await shows(page, (rows) => rows.at(-1) === '500' && rows.length > 10)
    await page.getByRole('button', { name: 'Link', exact: true }).click()
    await page.getByText(new RegExp(`/#/t/${taskId}/stdout:\\d+|Copied a link`)).waitFor()
    await page.goBack()
    await page.getByText('Select a task').waitFor()
  })

  test('a note marks output that is no longer kept; times are shown beside lines', async () => {
    const pool = testPool()
    const task = await pool.start('seq 1 60000; sleep 1000', { meta: { name: 'flood' }, maxReadBufSize: 65_536 })
    await eventually(async () => (await task.stdout.info()).endOffset === 348_894)
    const { page } = await openPage(pool, { name: 'flood' })
    await page.getByRole('tab', { name: 'stdout' }).click()
    await showsLine(page, '60000')
    await page.getByRole('button', { name: 'Times' }).click()
    await page
      .locator('.output:not([hidden]) .gutter.times')
      .getByText(/^\d\d:\d\d:\d\d\.\d{3}$/)
      .first()
      .waitFor()
    await page.getByRole('region', { name: /^Output/ }).press('Home')
    await shows(page, ([first]) =>
      /^── [\d.]+ KiB of stdout \(offset 0 to [\d,]+\) are no longer kept ──$/.test(first ?? ''),
    )
  })

  test('ended and lost tasks are shown as such', async () => {
    const pool = testPool()
    await pool.start('echo last words; exit 7', { meta: { name: 'over' } })
    const lost = await pool.start('sleep 1000', { meta: { name: 'left' } })
    const { page } = await openPage(pool, { name: 'left' })
    await page.getByRole('main').getByText('Running', { exact: true }).waitFor()
    process.kill(lost.pid, 'SIGKILL')
    await page.getByRole('main').getByText('Orphaned: the supervisor died').waitFor()
    await page.getByText('The supervisor is gone, and its buffered output is lost.').waitFor()
    // Without a supervisor, stdin cannot be written.
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('main').getByText('Lost: the supervisor died').waitFor()
    await choose(page, 'over')
    await showsLine(page, 'last words')
    await page.getByRole('main').getByText('Exit code 7').waitFor()
  })

  test('the inspector shows all info, and merges edits of meta', async () => {
    const pool = testPool()
    const task = await pool.start('cat', { meta: { name: 'inspected', team: 'shop' } })
    const { page } = await openPage(pool, { name: 'inspected' })
    await page.getByRole('button', { name: 'Inspect', exact: true }).click()
    await page.getByText((await task.info()).taskId).waitFor()
    await task.applyMeta({ meanwhile: 1 })
    await page.getByLabel('Meta as JSON').fill('{ "name": "inspected", "color": "red" }')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.getByText('Applied.').waitFor()
    expect((await task.info()).meta).toMatchObject({ name: 'inspected', color: 'red' })
    expect((await task.info()).meta).not.toHaveProperty('team')
  })

  /** Replacing the text lost the selection, so the next input was appended to the old text. */
  test("another client's change of meta does not affect a field that is being edited", async () => {
    const pool = testPool()
    const task = await pool.start('cat', { meta: { name: 'inspected', team: 'shop' } })
    const { page } = await openPage(pool, { name: 'inspected' })
    await page.getByRole('button', { name: 'Inspect', exact: true }).click()
    const meta = page.getByLabel('Meta as JSON')
    await eventually(async () => (await meta.inputValue()).includes('shop'))
    await meta.press('Control+a')
    const refreshed = page.waitForResponse(/\/api\/tasks\/[\w-]+$/)
    await task.applyMeta({ progress: { text: 'meanwhile' } })
    await (await refreshed).finished()
    await page.getByRole('main').getByText('meanwhile').waitFor()
    await page.keyboard.insertText('{ "name": "inspected", "color": "red" }')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.getByText('Applied.').waitFor()
    expect((await task.info()).meta).toEqual({ name: 'inspected', color: 'red', progress: { text: 'meanwhile' } })
  })

  test('the whole log can be downloaded', async () => {
    const pool = testPool()
    const task = await pool.start('seq 1 2000; sleep 1000', { meta: { name: 'log' } })
    await task.stdout.waitFor('2000\n')
    const { page } = await openPage(pool, { name: 'log' })
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ])
    expect(download.suggestedFilename()).toBe(`log-${task.pid}.log`)
    const chunks: Buffer[] = []
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks)).toEqual(Buffer.from((await task.stdout.read()).data))
  })

  test('the page works with the keyboard only, and offers no changes without write access', async () => {
    const pool = testPool()
    await pool.start('seq 1 200; sleep 1000', { meta: { name: 'keys' } })
    const { page } = await openPage(pool, { write: false })
    await page.getByRole('button', { name: 'keys' }).waitFor()
    const focused = () =>
      page.evaluate(`(() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
        return at?.getAttribute('aria-label') ?? at?.textContent ?? '' })()`) as Promise<string>
    const tabTo = async (wanted: RegExp) => {
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press('Tab')
        if (wanted.test(await focused())) return
      }
      throw new Error(`Tab does not lead to ${wanted}`)
    }
    await tabTo(/^keys/)
    await page.keyboard.press('Enter')
    await showsLine(page, '200')
    await tabTo(/^Merged/)
    await page.keyboard.press('ArrowRight')
    await page.getByRole('tab', { name: 'stdout', selected: true }).waitFor()
    await showsLine(page, '200')
    await tabTo(/^Output \(stdout\)/)
    await page.keyboard.press('Home')
    await shows(page, ([first]) => first === '1')
    // Tab also leaves the output.
    await page.keyboard.press('Tab')
    expect(await focused()).not.toMatch(/^Output/)
    for (const label of ['Pause', 'Restart', 'Stop', 'Signal', 'Remove', 'Send']) {
      expect(await page.getByRole('button', { name: label }).count()).toBe(0)
    }
  })

  test('on a phone the page shows one pane at a time, without horizontal scrolling', async () => {
    const pool = testPool()
    await pool.start(`echo ${'x'.repeat(300)}; cat`, { meta: { name: 'a name that is rather long for a phone' } })
    const served = await serveConsole({ pool, write: true })
    onTestFinished(() => served.close())
    const { page } = await newPage({ viewport: { width: 360, height: 640 }, colorScheme: 'dark', hasTouch: true })
    await page.goto(served.url)
    const fits = async () => expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    const row = page.getByRole('listitem').getByRole('button')
    await row.tap()
    await shows(page, (rows) => rows.join('').includes('x'.repeat(300)))
    await fits()
    expect(await row.isHidden()).toBe(true)
    await page.getByRole('button', { name: 'Back to the list' }).tap()
    await row.waitFor()
    await fits()
  })

  test('<bgtask-console> shows one task inside another page, mounted in an Express app', async () => {
    const pool = testPool()
    const task = await pool.start('echo inside; sleep 1000', { meta: { name: 'embedded' } })
    const app = express()
    app.use('/jobs/console', nodeListener(createConsole({ pool, basePath: '/jobs/console' })))
    app.get('/', (_, response) => {
      response.setHeader('content-security-policy', "default-src 'self'; img-src 'none'")
      response.send(
        `<h1>My app</h1><script type="module" src="/jobs/console/console.js"></script><bgtask-console src="/jobs/console/" task="${task.pid}" view="stdout" theme="dark" id="one"></bgtask-console>`,
      )
    })
    const url = await listen(createServer(app))
    const { page, problems } = await newPage()
    await page.goto(url)
    await showsLine(page, 'inside')
    expect(await page.getByLabel('Filter tasks').count()).toBe(0)
    expect(problems.filter((problem) => !problem.includes('favicon'))).toEqual([])
    // Without `task` it shows the list.
    await page.evaluate(() => document.querySelector('#one')?.removeAttribute('task'))
    await page.getByLabel('Filter tasks').waitFor()
    await page.getByRole('listitem').filter({ hasText: 'embedded' }).waitFor()
    await page.goto(`${url}/jobs/console`)
    await page.getByRole('listitem').filter({ hasText: 'embedded' }).waitFor()
  })
})

/** Delays the `end` event in a console's stream until after an event that contains `text`. */
function endsLater(response: Response, text: string): Response {
  let held: Uint8Array | undefined
  const reorder = new TransformStream<Uint8Array, Uint8Array>({
    transform(event, controller) {
      const words = Buffer.from(event).toString()
      if (words.startsWith('event: end')) {
        held = event
        return
      }
      controller.enqueue(event)
      if (held === undefined || !words.includes(text)) return
      controller.enqueue(held)
      held = undefined
    },
  })
  return new Response(response.body?.pipeThrough(reorder), response)
}
