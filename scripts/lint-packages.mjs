/**
 * Packs every public package as it would be published and lets publint and attw (are the types wrong?) read the tarball.
 */
import { spawnSync } from 'node:child_process'
import { packOnce } from './lib/tarballs.mjs'

/** Node 20.19 can require() ESM, so ESM alone is enough; `daemon.cjs` and `scripted-supervisor.js` are programs, with nothing to type. */
const ATTW = ['--profile', 'esm-only', '--exclude-entrypoints', 'daemon', 'scripted-supervisor', '--quiet']

const passed = Object.entries(await packOnce()).map(([name, tarball]) => {
  const isLinted = run('publint', ['run', tarball, '--strict'])
  // The package of a platform holds a program, and nothing to import.
  return name.startsWith('@bgtask/supervisor-') ? isLinted : run('attw', [tarball, ...ATTW]) && isLinted
})
process.exitCode = passed.every(Boolean) ? 0 : 1

/** Shows what the command said only if it failed. */
function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return true
  console.error(`${command} ${args.join(' ')}: ${error ?? `exit code ${status}`}\n${stdout}${stderr}`)
  return false
}
