/**
 * Packs every public package as it would be published and lets publint and attw (are the types wrong?) read the tarball.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publicPackages } from './public-packages.mjs'

const directory = mkdtempSync(join(tmpdir(), 'bgtask-pack-'))
try {
  // pnpm would pack private packages too.
  const filters = publicPackages().map(({ name }) => `--filter=${name}`)
  const packed = run('pnpm', ['--recursive', ...filters, 'pack', '--pack-destination', directory])
  const failed = readdirSync(directory)
    .map((name) => join(directory, name))
    .flatMap((tarball) => [
      run('publint', ['run', tarball, '--strict']),
      // Node 20.19 can require() ESM, so ESM alone is enough; `daemon.cjs` and `scripted-supervisor.js` are programs, with nothing to type.
      run('attw', [
        tarball,
        '--profile',
        'esm-only',
        '--exclude-entrypoints',
        'daemon',
        'scripted-supervisor',
        '--quiet',
      ]),
    ])
    .concat(packed)
    .filter((ok) => !ok)
  process.exitCode = failed.length > 0 ? 1 : 0
} finally {
  rmSync(directory, { recursive: true, force: true })
}

/** Shows what the command said only if it failed. */
function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return true
  console.error(`${command} ${args.join(' ')}: ${error ?? `exit code ${status}`}\n${stdout}${stderr}`)
  return false
}
