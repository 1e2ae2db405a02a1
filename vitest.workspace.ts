import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { RunReporter } from './packages/testkit/src/reporter.js'

// Tests read the packages' sources; only programs that tests start (the daemon, fixtures, docs) need a build.
const conditions = ['@bgtask/source', 'module', 'node', 'development|production']

const packages = readdirSync('packages').map((name) => ({
  extends: true as const,
  test: {
    name,
    root: `packages/${name}`,
    include: ['test/**/*.test.ts'],
    setupFiles: [resolve('packages/testkit/src/setup.ts')],
  },
}))

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
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [...packages, types],
    reporters: ['default', new RunReporter()],
    // Real processes and signals: each test file gets a process of its own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
