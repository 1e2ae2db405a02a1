import { readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'

/** Name of a program's bundle, which the build puts in. */
declare const PROGRAM: string

/** The whole program, which runs by itself too. */
const programPath = join(__dirname, `${PROGRAM}.cjs`)

/**
 * The program again, as V8 has compiled it: a line that says for which Node, the source as a function, and V8's cache. One
 * file, because V8 tells by the source's length alone whether a cache was made of it.
 */
const compiledPath = join(__dirname, `${PROGRAM}.compiled`)

/** V8 rejects what another version compiled; this is known without giving it to V8. */
const NODE = `${process.version} ${process.arch}`

/** Runs the program as it was compiled before, if it was, and right before that something else. */
export function runProgram(beforehand = () => {}): void {
  const compiled = readCompiled()
  beforehand()
  if (compiled === undefined) require(programPath)
  else run(compiled)
}

/**
 * Runs the program, and when this process exits keeps what V8 has compiled of it until then. What only few of its uses need
 * is not compiled by then, and so costs the others nothing.
 */
export function runAndKeep(): void {
  // The bundle holds ASCII alone; a first line may name the interpreter.
  const source = readFileSync(programPath, 'latin1').replace(/^#!.*/, '')
  const code = `(function(exports,require,module,__filename,__dirname){${source}\n})`
  const script = new Script(code, { filename: programPath })
  process.on('exit', () => {
    const head = Buffer.from(`${NODE} ${code.length}\n`)
    const temporaryPath = `${compiledPath}.${process.pid}`
    try {
      writeFileSync(temporaryPath, Buffer.concat([head, Buffer.from(code, 'latin1'), script.createCachedData()]))
      renameSync(temporaryPath, compiledPath)
    } catch (error) {
      process.exitCode = 1
      rmSync(temporaryPath, { force: true })
      writeSync(2, `the compiled program cannot be kept: ${(error as Error).message}\n`)
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
    return new Script(file.toString('latin1', start, end), { filename: programPath, cachedData: file.subarray(end) })
  } catch {
    return undefined
  }
}

function run(script: Script): void {
  script.runInThisContext()(exports, require, module, programPath, __dirname)
}
