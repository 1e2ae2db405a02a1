// Preloaded into a supervisor (`node --require`): notes when it does what can be seen from outside, and adds the times to the
// file in BENCH_MARKS when it says that it is ready. Nothing of the supervisor is changed for it.
const fs = require('node:fs')

const marks = { 'boots Node': performance.now() }

/** In this order: the first call of a function with such arguments ends a step that began when the one before ended. */
const STEPS = [
  ['openSync', 'loads the bundle', ([path]) => /^\/proc\/self\/fd(info)?\/7$/.test(path)],
  ['readSync', 'opens the pipes', ([fd]) => fd === 0],
  ['openSync', 'reads the spec', ([path]) => path.endsWith('/lock')],
  // The log, under the name of a file that is being made.
  ['openSync', 'takes the lock', ([path]) => /\/\.\d+\.\w+$/.test(path)],
  ['renameSync', 'makes the log and the first record', ([, path]) => path.endsWith('.json')],
  ['chmodSync', 'listens', ([path]) => path.endsWith('/s')],
  ['openSync', 'starts the child', ([path]) => /^\/proc\/\d+\/stat$/.test(path) && !path.includes(`/${process.pid}/`)],
  ['renameSync', 'writes the record', ([, path]) => path.endsWith('.json')],
  ['writeSync', 'gives the socket its name and says that it is ready', ([fd]) => fd === 2],
]

let next = 0
for (const name of new Set(STEPS.map(([name]) => name))) fs[name] = watch(name)

function watch(name) {
  const original = fs[name]
  return (...args) => {
    const [expected, step, applies] = STEPS[next] ?? []
    const ends = expected === name && applies(args)
    if (ends) {
      marks[step] = performance.now()
      next += 1
    }
    const result = original.apply(fs, args)
    if (ends && next === STEPS.length) tell()
    return result
  }
}

function tell() {
  const line = JSON.stringify({ origin: performance.timeOrigin, marks })
  fs.appendFileSync(process.env.BENCH_MARKS, `${line}\n`)
}
