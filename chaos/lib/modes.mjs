import { spawnSync } from 'node:child_process'
import { FewDescriptors } from './faults/descriptors.mjs'
import { FullDisk, mountSmall } from './faults/disk.mjs'

const NO_FAULTS = { begin() {}, end() {} }

/**
 * What fails beside those that are killed: each with the programs that it needs, and whether it needs to be root.
 * `setUp(pool)` prepares the directory, and returns what undoes it.
 */
export const MODES = [
  { id: 'default', title: 'kills only', programs: [] },
  {
    id: 'disk-full',
    title: 'the file system of the pool fills up, and has room again',
    programs: ['mount', 'umount'],
    root: true,
    setUp: mountSmall,
    makeFaults: (world, random) => new FullDisk(world, random),
  },
  {
    id: 'descriptors',
    title: 'supervisors run out of descriptors',
    programs: ['prlimit'],
    makeFaults: (world, random) => new FewDescriptors(world, random),
  },
  {
    id: 'namespaces',
    title: 'two pid namespaces share the pool, so that pids come twice',
    programs: ['unshare'],
    root: true,
    sides: ['a', 'b'],
  },
].map((mode) => ({ setUp: () => () => {}, makeFaults: () => NO_FAULTS, sides: [''], root: false, ...mode }))

/** What this machine, or the user, lacks for a mode; undefined where it has all. */
export function missingFor({ programs, root }) {
  if (root && process.getuid() !== 0) return 'it must be root'
  const missing = ['flock', 'setsid', 'mkfifo', ...programs].find(
    (program) => spawnSync(program, ['--version']).error !== undefined,
  )
  return missing && `the program ${missing} is missing (util-linux, coreutils)`
}
