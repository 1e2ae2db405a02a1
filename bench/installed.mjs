// node bench/installed.mjs PROGRAM [ARGUMENT…]: runs a benchmark on the packages as their users have them: packs them, lets npm install
// the tarballs into a temporary project, and runs a copy of this directory there.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { packOnce } from '../scripts/lib/tarballs.mjs'
import { OUTPUT_VARIABLE } from './lib/output.mjs'

const here = import.meta.dirname
const NATIVE = `@bgtask/supervisor-${process.platform}-${process.arch}`
const NAMES = ['protocol', 'client', 'supervisor', 'pool', 'cli'].map((name) => `@bgtask/${name}`)

/** None of these packages may come from a registry: nothing listens there. */
const NPMRC = '@bgtask:registry=http://127.0.0.1:9/\nfetch-retries=0\n'

const [program, ...args] = process.argv.slice(2)
const project = mkdtempSync(join(tmpdir(), 'bgtask-installed-'))
try {
  install(await packOnce())
  copyBenchmarks()
  process.exitCode = await run()
} finally {
  rmSync(project, { recursive: true, force: true })
}

function install(tarballs) {
  const paths = [...NAMES, NATIVE].map((name) => tarballs[name]).filter((path) => path !== undefined)
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  writeFileSync(join(project, '.npmrc'), NPMRC)
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel', 'error']
  execFileSync('npm', ['install', ...options, ...paths], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** What install.sh has installed is used where it is. */
function copyBenchmarks() {
  const installed = join(here, 'peers/node_modules')
  const target = join(project, 'bench')
  cpSync(here, target, { recursive: true, filter: (path) => path !== installed })
  mkdirSync(join(target, 'peers'), { recursive: true })
  if (existsSync(installed)) symlinkSync(installed, join(target, 'peers/node_modules'))
}

/** @returns the exit status. */
async function run() {
  const env = { ...process.env, [OUTPUT_VARIABLE]: here, NODE_PATH: '' }
  const child = spawn(process.execPath, [join(project, 'bench', program), ...args], { env, stdio: 'inherit' })
  // It removes what it has made before it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  const [status, signal] = await once(child, 'exit')
  return status ?? 128 + constants.signals[signal]
}
