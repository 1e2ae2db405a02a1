import { TaskPool } from '@bgtask/pool'

// Follows a task's stdout, whose lines are times, and prints how late each arrived (ms).
const [path, pid] = process.argv.slice(2)
const task = await new TaskPool({ path }).taskByPid(Number(pid))
const delays = []
let rest = ''
process.send('ready')
for await (const chunk of task.stdout.follow()) {
  const now = process.hrtime.bigint()
  const lines = (rest + chunk.data).split('\n')
  rest = lines.pop()
  for (const line of lines) delays.push(Number(now - BigInt(line)) / 1e6)
}
process.send(delays, () => process.exit())
