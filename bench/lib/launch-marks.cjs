// Preloaded into a supervisor (`node --require`): notes when it does what can be seen from outside, and adds the times to the
// file in BENCH_MARKS when it says that it is ready. Nothing of the supervisor is changed for it.
const fs = require('node:fs')

const marks = { 'boots Node': performance.now() }

/** The first call of a function whose arguments are such ends what is called `step`. */
const STEPS = [
  [fs, 'openSync', 'loads the bundle', ([path]) => /^\/proc\/self\/fd(info)?\/7$/.test(path)],
  [fs, 'readSync', 'opens the pipes', ([fd]) => fd === 0],
  [process, 'chdir', 'reads the spec', () => true],
  [fs, 'openSync', 'takes the lock', ([path]) => path.endsWith('.out')],
  [fs, 'statSync', 'listens', () => true],
  [
    fs,
    'openSync',
    'starts the child',
    ([path]) => /^\/proc\/\d+\/stat$/.test(path) && !path.includes(`/${process.pid}/`),
  ],
  [fs, 'renameSync', 'writes the record', ([, path]) => path.endsWith('.json')],
  [fs, 'writeSync', 'says that it is ready', ([fd]) => fd === 2],
]

for (const [object, name, step, applies] of STEPS) {
  const original = object[name]
  object[name] = (...args) => {
    const isLast = step === STEPS.at(-1)[2]
    if (!(step in marks) && applies(args)) marks[step] = performance.now()
    const result = original.apply(object, args)
    if (isLast && step in marks && process.env.BENCH_MARKS) {
      fs.appendFileSync(process.env.BENCH_MARKS, `${JSON.stringify({ origin: performance.timeOrigin, marks })}\n`)
      delete process.env.BENCH_MARKS
    }
    return result
  }
}
