import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { isOfPresentSources } from './sources.mjs'

// Builds the native supervisor for this machine into the package of its platform, unless that has a program of these sources
// already, a released one for example. A machine that cannot build it goes without: the supervisor in TypeScript does the same work.

const root = import.meta.dirname

/** The first version with all of std that is used, as in Cargo.toml. */
const OLDEST_RUST = [1, 89]

if (!isOfPresentSources(resolve(root, `../supervisor-linux-${process.arch}`))) {
  const missing = whyNot()
  if (missing === undefined) build()
  else console.log(`supervisor-native is left out: ${missing}`)
}

function whyNot() {
  if (process.platform !== 'linux') return `it is for Linux, this is ${process.platform}`
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `it is for x64 and arm64, this is ${process.arch}`
  const version = run('rustc', '--version')
  const [, major, minor] = /^rustc (\d+)\.(\d+)/.exec(version) ?? []
  if (major === undefined || run('cargo', '--version') === '') return 'cargo and rustc are not on this machine'
  if (Number(major) === OLDEST_RUST[0] && Number(minor) < OLDEST_RUST[1]) return `rustc ${major}.${minor} is too old`
  return undefined
}

function run(program, ...args) {
  try {
    return execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

function build() {
  const target = join(root, 'target/static')
  // One file without libraries, which runs whatever C library the machine has.
  const env = { ...process.env, RUSTFLAGS: '-C target-feature=+crt-static', CARGO_TARGET_DIR: target }
  execFileSync('cargo', ['build', '--release', '--quiet', '--offline', '--locked', '--bin', 'bgtask-supervisor'], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  const stage = [join(root, 'stage.mjs'), process.arch, join(target, 'release/bgtask-supervisor')]
  execFileSync(process.execPath, stage, { stdio: ['ignore', 'ignore', 'inherit'] })
}
