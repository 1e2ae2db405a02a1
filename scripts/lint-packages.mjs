/**
 * Packs every public package as it would be published and lets publint and attw (are the types wrong?) read the tarball.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const directory = mkdtempSync(join(tmpdir(), 'bgtask-pack-'))
try {
  const packed = run('pnpm', ['--recursive', ...publicPackages(), 'pack', '--pack-destination', directory])
  const failed = readdirSync(directory)
    .map((name) => join(directory, name))
    .flatMap((tarball) => [
      run('publint', ['run', tarball, '--strict']),
      // Node 20.19 can require() ESM, so ESM alone is enough; `daemon.cjs` is a program, with nothing to type.
      run('attw', [tarball, '--profile', 'esm-only', '--exclude-entrypoints', 'daemon', '--quiet']),
    ])
    .concat(packed)
    .filter((ok) => !ok)
  process.exitCode = failed.length > 0 ? 1 : 0
} finally {
  rmSync(directory, { recursive: true, force: true })
}

/** As filters of pnpm, which packs private packages too. */
function publicPackages() {
  const paths = readdirSync('packages').map((name) => `packages/${name}/package.json`)
  const manifests = paths.filter((path) => existsSync(path)).map((path) => JSON.parse(readFileSync(path, 'utf8')))
  return manifests.filter((manifest) => !manifest.private).map(({ name }) => `--filter=${name}`)
}

/** Shows what the command said only if it failed. */
function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return true
  console.error(`${command} ${args.join(' ')}: ${error ?? `exit code ${status}`}\n${stdout}${stderr}`)
  return false
}
