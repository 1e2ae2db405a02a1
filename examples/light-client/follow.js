// Prints what a task writes, from the first byte that is kept to the end, and ends with its exit code:
// node follow.js /path/to/<pid>.sock
import { Task } from '@bgtask/client'

const task = Task.at(process.argv[2])
for await (const chunk of task.stdout.follow()) {
  if ('gap' in chunk) process.stderr.write(`[bytes ${chunk.from} to ${chunk.to} are no longer kept]\n`)
  else process.stdout.write(chunk.data)
}
process.exitCode = (await task.wait()).exitCode ?? 1
