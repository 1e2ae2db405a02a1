import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { RunReporter } from './packages/testkit/src/reporter.js'

// The packages' tests read sources; only programs that they start (the daemon, fixtures, docs) need a build.
const conditions = ['@bgtask/source', 'module', 'node', 'development|production']
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } }

const setupFiles = [resolve('packages/testkit/src/setup.ts')]

const names = readdirSync('packages').filter((name) => existsSync(join('packages', name, 'package.json')))

const packages = names.map((name) => ({
  extends: true as const,
  ...fromSource,
  test: { name, root: `packages/${name}`, include: ['test/**/*.test.ts'], setupFiles },
}))

/** All packages together, from outside and as they are built. */
const endToEnd = {
  extends: true as const,
  test: { name: 'e2e', root: 'e2e', include: ['**/*.test.ts'], setupFiles },
}

/** One run of the type checker for all `*.test-d.ts`. Errors elsewhere are `pnpm typecheck`'s to tell. */
const types = {
  extends: true as const,
  test: {
    name: 'types',
    include: [],
    typecheck: {
      enabled: true,
      only: true,
      include: ['packages/*/test/**/*.test-d.ts'],
      tsconfig: 'tsconfig.json',
      ignoreSourceErrors: true,
    },
  },
}

export default defineConfig({
  test: {
    projects: [...packages, endToEnd, types],
    reporters: ['default', new RunReporter()],
    // Real processes and signals: each test file gets a process of its own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
