import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packablePackages } from '../public-packages.mjs'
import { hashSources } from './build-stamp.mjs'
import { takeLock } from './file-lock.mjs'

const PNPM = ['--yes', 'pnpm@12.21.0']
const POLL_INTERVAL_MS = 200

/** What is packed beside the build. */
const PAPERS = ['README.md', 'CHANGELOG.md', 'NOTICES.md', 'SHA256SUMS', 'schema/v1.json']

const root = join(import.meta.dirname, '../..')

/**
 * Packs each public package, as it would be published, into the directory.
 *
 * @returns the tarballs' paths by the packages' names.
 */
export function packInto(directory) {
  const packages = packablePackages(root)
  const filters = packages.map(({ name }) => `--filter=${name}`)
  const args = [...PNPM, '--recursive', ...filters, 'pack', '--pack-destination', directory]
  const { status } = spawnSync('npx', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('the packages cannot be packed')
  return tarballsIn(directory, packages)
}

/** The same, but only once for all programs that ask, as long as nothing changes that is packed. */
export async function packOnce() {
  const cache = join(root, 'node_modules/.cache/packed')
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  const lock = `${cache}.lock`
  let release = takeLock(lock)
  for (; release === undefined; release = takeLock(lock)) await delay(POLL_INTERVAL_MS)
  try {
    const directory = join(cache, hashPacked())
    if (existsSync(directory)) return tarballsIn(directory, packablePackages(root))
    rmSync(cache, { recursive: true, force: true })
    mkdirSync(cache)
    packInto(join(cache, 'new'))
    // Packing may have built.
    const packed = join(cache, hashPacked())
    renameSync(join(cache, 'new'), packed)
    return tarballsIn(packed, packablePackages(root))
  } finally {
    release()
  }
}

function hashPacked() {
  const hash = createHash('sha256').update(hashSources(root))
  for (const { name, directory } of packablePackages(root)) {
    const paths = PAPERS.map((paper) => join(directory, paper)).filter((path) => existsSync(path))
    hash.update(`\0${name}`)
    for (const path of paths) hash.update('\0').update(readFileSync(path))
  }
  return hash.digest('hex')
}

function tarballsIn(directory, packages) {
  const tarballs = packages.map(({ name, manifest: { version } }) => {
    return [name, join(directory, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)]
  })
  return Object.fromEntries(tarballs)
}
