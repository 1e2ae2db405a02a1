import { setTimeout as delay } from 'node:timers/promises'
import { Task } from '@bgtask/client'

// Another client of a task: asks on its open connection, and on fresh ones if it is to, until it is told to stop, and tells
// the slowest answer (ms) and how many there were.
const [socketPath, onFreshOnes] = process.argv.slice(2)
const connected = Task.at(socketPath)
await connected.info()
let slowest = 0
let answers = 0
let stopping = false
process.once('message', () => {
  stopping = true
})
process.send('ready')
while (!stopping) {
  await timed(() => connected.info())
  await timed(() => connected.stdout.read({ maxBytes: 1_000 }))
  if (onFreshOnes === 'true') {
    const fresh = Task.at(socketPath)
    await timed(() => fresh.info())
    fresh.disconnect()
  }
  await delay(2)
}
process.send({ slowest, answers }, () => process.exit())

async function timed(call) {
  const start = performance.now()
  await call()
  slowest = Math.max(slowest, performance.now() - start)
  answers += 1
}
