// One of several sides that share a pool, each in a pid namespace of its own. Its parent waits for all of them to meet.
import { MODES } from '../lib/modes.mjs'
import { RUN_VARIABLE } from '../lib/processes.mjs'
import { runSide } from '../lib/side.mjs'
import { makeWorld } from '../lib/world.mjs'

const { run, directory, side, mode, ...options } = JSON.parse(process.argv[2])
process.env[RUN_VARIABLE] = run
const interrupted = new AbortController()
const meetings = []
process.on('message', (message) => (message.abort ? interrupted.abort() : meetings.shift()?.()))
// Without its parent it would wait for ever.
process.on('disconnect', () => process.exit(1))

const meet = () =>
  new Promise((resolve) => {
    meetings.push(resolve)
    process.send({ meet: true })
  })

const result = await runSide(makeWorld(directory, { side, meet }), {
  ...options,
  mode: MODES.find(({ id }) => id === mode),
  onProgress: (progress) => process.send({ progress }),
  signal: interrupted.signal,
})
process.send({ result }, () => process.exit())
