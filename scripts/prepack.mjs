// `prepack` of each public package: makes sure that what is packed is a build of the present sources. All packages are built
// at once, so the first to be packed builds and the others find the build fresh.
//   node scripts/prepack.mjs [--built]   (--built: only record that the present sources have just been built)
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isFresh, recordBuild } from './lib/build-stamp.mjs'
import { takeLock } from './lib/file-lock.mjs'
import { hasProgram, publicPackages } from './public-packages.mjs'

const PNPM = ['--yes', 'pnpm@12.21.0']
const POLL_INTERVAL_MS = 200

const root = join(import.meta.dirname, '..')

if (process.argv[2] === '--built') recordBuild(root)
else await buildUnlessFresh()

/** Several packages are packed at once: only one of them may build, and none may be packed meanwhile. */
async function buildUnlessFresh() {
  const lock = join(root, 'node_modules/.build.lock')
  let release = takeLock(lock)
  for (; release === undefined; release = takeLock(lock)) await delay(POLL_INTERVAL_MS)
  try {
    if (isFresh(root) && isWhole()) return
    // What packing prints on stdout is its result.
    const { status } = spawnSync('npx', [...PNPM, 'run', 'build'], { cwd: root, stdio: ['ignore', 2, 2] })
    if (status === 0 && isFresh(root) && isWhole()) return
    console.error('prepack: the build failed, or left out a file of this package; nothing is packed')
    process.exitCode = 1
  } finally {
    release()
  }
}

/** A package of a platform is nothing without its program, and not every machine can build that. */
function isWhole() {
  return publicPackages(root)
    .filter(({ directory }) => directory === process.cwd())
    .every(hasProgram)
}
