// Preloaded into a supervisor (`node --require`): notes when it does what can be seen from outside, and adds the times to the
// file in BENCH_MARKS when it says that it is ready. Nothing of the supervisor is changed for it.
const fs = require('node:fs')

const marks = { 'boots Node': performance.now() }

/** In this order: the first call of a function with such arguments ends a step that began when the one before ended. */
const STEPS = [
  [fs, 'openSync', 'loads the bundle', ([path]) => /^\/proc\/self\/fd(info)?\/7$/.test(path)],
  [fs, 'readSync', 'opens the pipes', ([fd]) => fd === 0],
  [process, 'chdir', 'reads the spec', () => true],
  [fs, 'openSync', 'takes the lock', ([path]) => path.endsWith('.out')],
  [fs, 'statSync', 'makes the log, listens', () => true],
  [
    fs,
    'openSync',
    'starts the child',
    ([path]) => /^\/proc\/\d+\/stat$/.test(path) && !path.includes(`/${process.pid}/`),
  ],
  [fs, 'renameSync', 'writes the record', ([, path]) => path.endsWith('.json')],
  [fs, 'writeSync', 'gives the socket its name and says that it is ready', ([fd]) => fd === 2],
]

let next = 0
for (const object of [fs, process]) {
  const names = STEPS.filter(([watched]) => watched === object).map(([, name]) => name)
  for (const name of new Set(names)) object[name] = watch(object, name)
}

function watch(object, name) {
  const original = object[name]
  return (...args) => {
    const [expected, expectedName, step, applies] = STEPS[next] ?? []
    const ends = expected === object && expectedName === name && applies(args)
    if (ends) {
      marks[step] = performance.now()
      next += 1
    }
    const result = original.apply(object, args)
    if (ends && next === STEPS.length) tell()
    return result
  }
}

function tell() {
  const line = JSON.stringify({ origin: performance.timeOrigin, marks })
  fs.appendFileSync(process.env.BENCH_MARKS, `${line}\n`)
}
