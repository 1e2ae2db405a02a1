// `node control.mjs <directory> <name>`: finds the tasks of that name, which some other process started, shows what they
// are and what they write, interrupts them, and ends their supervisors. Exits with 1 if it finds none.
import { TaskPool } from '@bgtask/pool'

const [, , path, name] = process.argv

const pool = new TaskPool({ path })
const tasks = await pool.search({ meta: { name } })
say(
  `This is process ${process.pid}. It searches the directory for { meta: { name: '${name}' } }: ${tasks.length} found`,
)
if (tasks.length === 0) process.exit(1)

for (const task of tasks) {
  const { command, state, meta, lockfile, startedAt } = await task.info()
  say(`What supervisor ${task.pid} reports about its task:`)
  show({ command: command.join(' '), state, meta, lockfile, startedAt: new Date(startedAt).toISOString() })

  say('Its output as it comes. Each line has its byte offset, from which a reader can go on later:')
  const seen = []
  for await (const { offset, line } of task.stdout.lines({ from: 0 })) {
    show(`stdout ${String(offset).padStart(3)}: ${line}`)
    seen.push(line)
    if (seen.length === 3) break
  }

  say('Reading does not consume. The first line again, which starts at offset 0:')
  const { offset, data } = await task.stdout.read({ from: 0, maxBytes: Buffer.byteLength(seen[0]) })
  show(`stdout ${String(offset).padStart(3)}: ${data}`)
  if (String(data) !== seen[0]) throw new Error(`expected ${seen[0]}`)

  say('It interrupts the task, as Ctrl-C would, and waits for the exit status:')
  await task.kill('INT')
  const status = await task.wait()
  show(status)
  if (status.signal !== 'SIGINT') throw new Error('expected an end by SIGINT')

  say('The supervisor is still there with the output. Now it ends, too:')
  const { survivors } = await task.terminateSupervisor()
  show(`gone, ${survivors.length} processes survived`)
  if (survivors.length > 0) throw new Error('expected none')
}

function say(text) {
  console.log(`\n${text}`)
}

function show(what) {
  const text = typeof what === 'string' ? what : JSON.stringify(what)
  console.log(`    ${text}`)
}
