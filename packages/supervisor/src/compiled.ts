import { readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'

/** The whole daemon, which runs by itself too. */
const daemonPath = join(__dirname, 'daemon.cjs')

/**
 * The daemon again, as V8 has compiled it: a line that says for which Node, the source as a function, and V8's cache. One
 * file, because V8 tells by the source's length alone whether a cache was made of it.
 */
const compiledPath = join(__dirname, 'daemon.compiled')

/** V8 rejects what another version compiled; this is known without giving it to V8. */
const NODE = `${process.version} ${process.arch}`

/** Runs the daemon as it was compiled before, which takes 5 ms less; else as any program. */
export function runDaemon(): void {
  const compiled = readCompiled()
  if (compiled === undefined) require(daemonPath)
  else run(compiled)
}

/**
 * Runs the daemon, and when this process exits keeps what V8 has compiled of it until then. What only few tasks need is not
 * compiled by then, and so costs the others no memory.
 */
export function runAndKeep(): void {
  // The bundle holds ASCII alone.
  const source = readFileSync(daemonPath, 'latin1')
  const code = `(function(exports,require,module,__filename,__dirname){${source}\n})`
  const script = new Script(code, { filename: daemonPath })
  process.on('exit', () => {
    const head = Buffer.from(`${NODE} ${code.length}\n`)
    const temporaryPath = `${compiledPath}.${process.pid}`
    try {
      writeFileSync(temporaryPath, Buffer.concat([head, Buffer.from(code, 'latin1'), script.createCachedData()]))
      renameSync(temporaryPath, compiledPath)
    } catch (error) {
      process.exitCode = 1
      rmSync(temporaryPath, { force: true })
      writeSync(2, `the compiled daemon cannot be kept: ${(error as Error).message}\n`)
    }
  })
  run(script)
}

/** Undefined where nobody has compiled it with this Node. */
function readCompiled(): Script | undefined {
  try {
    const file = readFileSync(compiledPath)
    const start = file.indexOf('\n') + 1
    const [version, arch, size] = file.toString('latin1', 0, start).split(' ')
    if (`${version} ${arch}` !== NODE) return undefined
    const end = start + Number(size)
    return new Script(file.toString('latin1', start, end), { filename: daemonPath, cachedData: file.subarray(end) })
  } catch {
    return undefined
  }
}

function run(script: Script): void {
  script.runInThisContext()(exports, require, module, daemonPath, __dirname)
}
