import { createRequire } from 'node:module'
import type { Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

const require = createRequire(import.meta.url)

/**
 * Loads these modules of Node at the first use of one of their exports. `bgtask ls` uses none of them, and loading them takes
 * it a fifth of what `node -e 0` takes.
 */
export function lazyBuiltins(names: readonly string[]): Plugin {
  return {
    name: 'lazy-builtins',
    setup(build) {
      const filter = new RegExp(`^(${names.join('|')})$`)
      build.onResolve({ filter }, ({ path, namespace }) =>
        namespace === 'lazy' ? { path, external: true } : { path, namespace: 'lazy' },
      )
      build.onLoad({ filter, namespace: 'lazy' }, ({ path }) => {
        const getters = Object.keys(require(path)).map((name) => `get ${name}() { return require('${path}').${name} }`)
        return { contents: `module.exports = { ${getters.join(', ')} }` }
      })
    },
  }
}
