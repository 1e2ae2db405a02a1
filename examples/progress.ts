// A job that reports its progress: checksums of the files that it is given. `bgtask top` and the web console show it,
// `pool.watch` reports each step, and `pool.search` finds the finished ones.
// `pnpm build`, then `bgtask run node examples/progress.ts /usr/bin/*` (Node.js 22.18 or newer runs TypeScript as it is).
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Task } from '@bgtask/client'

const files = process.argv.slice(2)

// The task whose job this process is; undefined where it was started by hand, which is no reason not to work.
const task = Task.current()

for (const [done, file] of files.entries()) {
  await task?.progress({ done, total: files.length, text: file })
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  console.log(`${hash.digest('hex')}  ${file}`)
}
await task?.progress({ done: files.length, text: 'done' })
