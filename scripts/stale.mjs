// node scripts/stale.mjs mark|remove: around a build, whose tools remove nothing of earlier ones from `dist`.
import { join } from 'node:path'
import { markBegin, removeStale } from './lib/stale.mjs'

const root = join(import.meta.dirname, '..')

if (process.argv[2] === 'mark') markBegin(root)
else removeStale(root)
