import { defineConfig } from 'vitest/config'

// Tests read the packages' sources, so most of them run without a build (the daemon and the docs need one).
const conditions = ['@bgtask/source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: ['packages/*'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
