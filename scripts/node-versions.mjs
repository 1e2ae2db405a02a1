// `pnpm test:nodes [VERSION…]`: runs tests on other versions of Node than the one that runs this: those of `e2e/seed`, and those
// that install the packed packages. `--all` runs all tests.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { readOptions } from '../bench/lib/options.mjs'

/** Each line of releases that `engines` admits; the first one as the oldest that it admits. */
const VERSIONS = ['20.19.0', '22.12.0', '22', '24', '26']
