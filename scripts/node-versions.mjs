// `pnpm test:nodes [VERSION…]`: runs tests on other versions of Node than the one that runs this.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { readOptions } from '../bench/lib/options.mjs'

/** The oldest of each line that `engines` admits, and the newest of those after. */
const VERSIONS = ['20.19.0', '22.12.0', '24', '26']

/** From outside, as built, and as packed and installed: what a version of Node may break that the other tests do not ask for. */
const TESTS = ['e2e/seed', 'e2e/packed', 'packages/conformance/test/tarballs', 'packages/cli/test/compile-cache']

const HELP = `usage: pnpm test:nodes [--all] [VERSION…]

Runs the tests of ${TESTS.join(', ')} on each version of Node (${VERSIONS.join(', ')} unless given), which npm
installs into node_modules/.cache. Needs a build.

  --all  run all tests`

const root = dirname(import.meta.dirname)
const { words, all } = readOptions({ all: { type: 'boolean', default: false } }, HELP, { allowWords: true })
const failed = (words.length > 0 ? words : VERSIONS).filter((version) => !runTests(installNode(version)))
for (const version of failed) console.error(`tests fail on Node ${version}`)
process.exitCode = failed.length > 0 ? 1 : 0

/** @returns the directory of the program. */
function installNode(version) {
  const directory = join(root, 'node_modules/.cache/nodes', version)
  const bin = join(directory, 'node_modules/node/bin')
  if (existsSync(join(bin, 'node'))) return bin
  mkdirSync(directory, { recursive: true })
  const args = ['install', '--prefix', directory, '--no-audit', '--no-fund', '--no-save', `node@${version}`]
  const { status } = spawnSync('npm', args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm cannot install node@${version}`)
  return bin
}

function runTests(bin) {
  const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) }
  const node = join(bin, 'node')
  console.log(`\nNode ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout}`)
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.workspace.ts']
  return spawnSync(node, [...args, ...(all ? [] : TESTS)], { cwd: root, env, stdio: 'inherit' }).status === 0
}
