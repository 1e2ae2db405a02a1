import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

// Builds the native supervisor for this machine into `dist`, unless it is there already. A machine that cannot build it goes
// without: the supervisor in TypeScript does the same work.

const root = import.meta.dirname
const binary = join(root, 'dist/bgtask-supervisor')
const stamp = join(root, 'dist/sources.sha256')

/** The first version with all of std that is used, as in Cargo.toml. */
const OLDEST_RUST = [1, 89]

if (!isBuilt()) {
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
  // One file without libraries, which runs whatever C library the machine has.
  const env = {
    ...process.env,
    RUSTFLAGS: '-C target-feature=+crt-static',
    CARGO_TARGET_DIR: join(root, 'target/static'),
  }
  execFileSync('cargo', ['build', '--release', '--quiet', '--offline', '--locked', '--bin', 'bgtask-supervisor'], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  mkdirSync(join(root, 'dist'), { recursive: true })
  // Not in place: a supervisor may be running that file.
  copyFileSync(join(root, 'target/static/release/bgtask-supervisor'), `${binary}.new`)
  chmodSync(`${binary}.new`, 0o755)
  renameSync(`${binary}.new`, binary)
  writeFileSync(stamp, sources())
}

function isBuilt() {
  return existsSync(binary) && existsSync(stamp) && readFileSync(stamp, 'utf8') === sources()
}

function sources() {
  const files = readdirSync(join(root, 'src'), { recursive: true }).filter((name) => name.endsWith('.rs'))
  const hash = createHash('sha256')
  for (const file of ['Cargo.toml', 'Cargo.lock', 'build.mjs', ...files.map((name) => join('src', name)).sort()]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}
