// `npm run demo`: one background task from its start to its end, seen by two processes, the command line and the console.
// Explains on screen what it does; exits with 1 if anything is not as it says.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TaskPool } from '@bgtask/pool'
import { serveConsole } from '@bgtask/web'
import { execaNode } from 'execa'

const CONTROL = fileURLToPath(new URL('control.mjs', import.meta.url))
const CLI = new URL('../packages/cli/', import.meta.url)

// Ctrl-C, or a closed terminal, ends the other process, and that ends this one in order. So does a reader that closes the pipe.
for (const name of ['SIGINT', 'SIGHUP']) process.on(name, () => {})
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const directory = mkdtempSync(join(tmpdir(), 'bgtask-demo-'))
try {
  await demo()
} catch (error) {
  console.error('\nThe demo failed:', error)
  process.exitCode = 1
} finally {
  await cleanUp()
}

async function demo() {
  const path = join(directory, 'pool')
  const lockfile = join(directory, 'countdate.lock')

  say(`This is process ${process.pid}. It opens a pool, which is just a directory: ${path}`)
  const pool = new TaskPool({ path, mkdirIfMissing: { mode: 0o755 } })

  const cmd = 'while sleep 1; do date; done'
  say(`It starts a task there, with a lock file and the name 'foo':  ${cmd}`)
  const started = performance.now()
  const task = await pool.spawn({ cmd, lockfile, meta: { name: 'foo' } })
  const { pid, state } = await task.info()
  assert.equal(state, 'running')
  show(`supervisor ${task.pid}, its child ${pid}, ${state} after ${Math.round(performance.now() - started)} ms`)
  show(`in the directory: ${readdirSync(path).join('  ')}`)

  say('A second task with the same lock file is refused, and says who holds the lock:')
  const refused = await pool.spawn({ cmd, lockfile }).catch((error) => error)
  assert.equal(refused.code, 'ERR_BGTASK_LOCK_HELD')
  show(`${refused.code}: ${refused.message}`)

  say('A shell sees the same task:')
  await bgtask(path, ['ls'])
  await bgtask(path, ['logs', 'foo', '--until', ':', '--timeout', '20s'])

  say('So does a browser. `bgtask web` serves this console, behind a token:')
  await showConsole(pool, task)

  say('This process lets go of the task. Another one, which knows only the directory, takes over.')
  task.disconnect()
  const { exitCode } = await execaNode(CONTROL, [path, 'foo'], { stdio: 'inherit', reject: false })
  assert.equal(exitCode, 0, 'the other process failed')

  say(`Back in process ${process.pid}: nothing is left.`)
  assert.deepEqual(readdirSync(path), [])
  assert.deepEqual([task.pid, pid].filter(isAlive), [])
  show('the directory is empty, supervisor and child are gone')
}

/** Runs the command as a shell would, and shows what it prints. */
async function bgtask(path, args) {
  const { bin } = JSON.parse(readFileSync(new URL('package.json', CLI), 'utf8'))
  const env = { BGTASK_TASKPOOL_PATH: path, NO_COLOR: '1' }
  const { exitCode, stdout } = await execaNode(fileURLToPath(new URL(bin.bgtask, CLI)), args, { env, reject: false })
  assert.equal(exitCode, 0, 'the command failed')
  show(`$ bgtask ${args.join(' ')}`)
  for (const line of stdout.split('\n')) show(line)
}

/** Asks the console what its page asks. */
async function showConsole(pool, task) {
  const served = await serveConsole({ pool })
  const { origin, hash } = new URL(served.url)
  const taskUrl = `${origin}/api/tasks/${task.taskId}`
  const headers = { authorization: `Bearer ${hash.replace('#token=', '')}` }
  const requests = [fetch(origin), fetch(taskUrl, { headers }), fetch(taskUrl)]
  const [page, answer, refused] = await Promise.all(requests).finally(() => served.close())
  assert.deepEqual([page.status, answer.status, refused.status], [200, 200, 401])
  show(served.url)
  show(`the page: ${page.status}, the task with the token: ${answer.status}, without it: ${refused.status}`)
}

/** Also if the demo was interrupted. */
async function cleanUp() {
  const path = join(directory, 'pool')
  if (existsSync(path)) {
    for (const task of await new TaskPool({ path }).search()) await task.terminateSupervisor()
  }
  rmSync(directory, { recursive: true })
}

/** A process that is over and that its parent has not asked about yet is still listed, as a zombie. */
function isAlive(pid) {
  const stat = `/proc/${pid}/stat`
  return existsSync(stat) && !readFileSync(stat, 'latin1').includes(') Z ')
}

function say(text) {
  console.log(`\n${text}`)
}

function show(text) {
  console.log(`    ${text}`)
}
