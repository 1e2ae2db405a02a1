import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../src/index.js'
import { layerViolations } from '../src/layers.js'

test('manifests and imports of all packages keep to the layers', () => {
  expect(layerViolations(resolve(import.meta.dirname, '../..'))).toEqual([])
})

/** Each row is a tree with one violation; what holds is shown by the packages themselves, above. */
test.for([
  {
    violation: 'client/package.json depends on @bgtask/pool: not in its layers',
    files: { 'client/package.json': manifest('client', { dependencies: { '@bgtask/pool': '1' } }) },
  },
  {
    violation: 'protocol/package.json depends on @bgtask/client: not in its layers',
    files: { 'protocol/package.json': manifest('protocol', { peerDependencies: { '@bgtask/client': '1' } }) },
  },
  {
    violation: 'pool/src/spawn.ts imports @bgtask/supervisor: not in its layers',
    files: { 'pool/src/spawn.ts': "export const load = () => import('@bgtask/supervisor')" },
  },
  {
    violation: 'supervisor/src/parts/info.ts imports @bgtask/client: not in its layers',
    files: { 'supervisor/src/parts/info.ts': "import type { Task } from '@bgtask/client'" },
  },
  {
    violation:
      'client/src/task.ts imports ../../protocol/src/index.js: outside the package, which is to be imported by name',
    files: { 'client/src/task.ts': "export { peer } from '../../protocol/src/index.js'" },
  },
  {
    violation: 'cli/src/main.ts imports @bgtask/pool/dist/spawn.js: not a public entry point',
    files: { 'cli/package.json': manifest('cli'), 'cli/src/main.ts': "import '@bgtask/pool/dist/spawn.js'" },
  },
  {
    violation: 'cli/src/main.ts imports @bgtask/testkit: not in its layers',
    files: { 'cli/package.json': manifest('cli'), 'cli/src/main.ts': "import '@bgtask/testkit'" },
  },
])('finds that $violation', ({ violation, files }) => {
  const tree = tempDir()
  for (const name of ['protocol', 'client', 'supervisor', 'pool']) {
    write(join(tree, name, 'package.json'), manifest(name))
    write(join(tree, name, 'src/index.ts'), '')
  }
  for (const [file, text] of Object.entries(files)) write(join(tree, file), text)
  expect(layerViolations(tree)).toEqual([violation])
})

function manifest(name: string, more: object = {}): string {
  return JSON.stringify({ name: `@bgtask/${name}`, exports: { '.': './dist/index.js' }, ...more })
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
