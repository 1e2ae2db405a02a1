#!/usr/bin/env node
import { createRequire } from 'node:module'
import { enableCompileCache } from './compile-cache.js'

// A file of its own, since Node caches only what is loaded after the cache is enabled.
enableCompileCache()
const { main } = createRequire(import.meta.filename)('./main.cjs') as typeof import('./main.js')

void main(process.argv.slice(2))
