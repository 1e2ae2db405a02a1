import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { RunReporter } from './packages/testkit/src/reporter.js'

// The packages' tests read sources; only programs that they start (the daemon, fixtures, docs) need a build.
const conditions = ['@bgtask/source', 'module', 'node', 'development|production']
const fromSource = { resolve: { conditions }, ssr: { resolve: { conditions } } }

/** Not the working directory, which may be a package's. */
const root = import.meta.dirname

const setupFiles = [join(root, 'packages/testkit/src/setup.ts')]
const globalSetup = [join(root, 'packages/testkit/src/global-setup.ts')]

const names = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
)

/** Their tests are about the supervisor in Node; elsewhere the native one is used if it was built. */
const OF_THE_NODE_SUPERVISOR = ['supervisor', 'conformance']

const underNode = { BGTASK_SUPERVISOR: 'node' }

const packages = names.map((name) => ({
  extends: true as const,
  ...fromSource,
  test: {
    name,
    root: join(root, 'packages', name),
    include: ['test/**/*.test.ts'],
    setupFiles,
    globalSetup,
    env: OF_THE_NODE_SUPERVISOR.includes(name) ? underNode : {},
  },
}))

/** All packages together, from outside and as they are built. */
const endToEnd = {
  extends: true as const,
  test: { name: 'e2e', root: join(root, 'e2e'), include: ['**/*.test.ts'], setupFiles, globalSetup },
}

/** What a user meets first, once more with the supervisor in Node. */
const endToEndUnderNode = {
  extends: true as const,
  test: {
    ...endToEnd.test,
    name: 'e2e-node',
    include: ['seed/spawn.test.ts', 'seed/behavior.test.ts', 'seed/synopsis.test.ts'],
    env: underNode,
  },
}

/** One run of the type checker for all `*.test-d.ts`. Errors elsewhere are `pnpm typecheck`'s to tell. */
const types = {
  extends: true as const,
  test: {
    name: 'types',
    root,
    include: [],
    typecheck: {
      enabled: true,
      only: true,
      include: ['packages/*/test/**/*.test-d.ts'],
      tsconfig: join(root, 'tsconfig.json'),
      ignoreSourceErrors: true,
    },
  },
}

export default defineConfig({
  test: {
    projects: [...packages, endToEnd, endToEndUnderNode, types],
    reporters: ['default', new RunReporter()],
    // Real processes and signals: each test file gets a process of its own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
