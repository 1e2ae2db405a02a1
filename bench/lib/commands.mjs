import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** A program of Node, from its start to its end; what it prints is read by us. */
export const node =
  (args, env = process.env) =>
  async () => {
    const start = performance.now()
    execFileSync(process.execPath, args, { env })
    return performance.now() - start
  }

/** The command `bgtask`, as installed. */
export function bgtask(args, env) {
  return node([join(dirname(require.resolve('@bgtask/cli/package.json')), 'dist/bgtask.cjs'), ...args], env)
}
