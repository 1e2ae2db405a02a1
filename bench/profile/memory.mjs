import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryPool, untilAtRest } from '../lib/environment.mjs'
import { median } from '../lib/pairs.mjs'

/** So that Node and its libraries are shared, as they are on a machine with many tasks. */
const COUNT = 8

const PROGRAMS = {
  'bare Node that waits': 'setInterval(() => {}, 1e6)',
  'bare Node that listens on a unix socket': "require('net').createServer().listen(process.argv[1])",
  'the same, with a child on pipes':
    "require('net').createServer().listen(process.argv[1]); require('child_process').spawn('sleep', ['600'])",
}

export const memoryParts = {
  id: 'memory',
  title: 'Where the private memory of an idle supervisor goes (MiB)',
  columns: [
    'process',
    'in all',
    "V8's heap and other anonymous memory",
    'malloc',
    "data of Node's program and libraries",
    'stacks',
  ],
  run: async () => {
    const { pool, directory, dispose } = temporaryPool()
    try {
      const rows = []
      for (const [name, code] of Object.entries(PROGRAMS)) rows.push(rowOf(name, await startBare(code, directory)))
      const pids = []
      for (let index = 0; index < COUNT; index += 1) pids.push((await pool.spawn({ exec: ['sleep', '600'] })).pid)
      await untilAtRest()
      rows.push(rowOf('supervisor with its child', pids.map(privateMemory)))
      const big = await pool.spawn({ cmd: 'head -c 4194304 /dev/zero; exec sleep 600' })
      await big.stdout.waitFor('\0', { from: 4 * 2 ** 20 - 1 })
      await untilAtRest()
      rows.push(rowOf('the same with 4 MiB of output kept', [privateMemory(big.pid)]))
      return rows
    } finally {
      await dispose()
    }
  },
}

async function startBare(code, directory) {
  const nodes = Array.from({ length: COUNT }, (_, index) =>
    spawn(process.execPath, ['-e', code, join(directory, `${code.length}-${index}`)], { stdio: 'ignore' }),
  )
  await untilAtRest()
  const found = nodes.map(({ pid }) => privateMemory(pid))
  for (const node of nodes) {
    node.kill('SIGKILL')
    await once(node, 'exit')
  }
  return found
}

/** Private memory in MiB, by what it is for. */
function privateMemory(pid) {
  const sums = { all: 0, anonymous: 0, heap: 0, file: 0, stack: 0 }
  let kind
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/.exec(line)
    if (mapping !== null) kind = kindOf(mapping[1])
    const kibibytes = Number(/^Private_\w+: +(\d+) kB$/.exec(line)?.[1] ?? 0)
    sums[kind] += kibibytes / 1024
    sums.all += kibibytes / 1024
  }
  return sums
}

function kindOf(name) {
  if (name === '[heap]') return 'heap'
  if (name.startsWith('[stack')) return 'stack'
  return name.startsWith('/') ? 'file' : 'anonymous'
}

function rowOf(name, samples) {
  const cell = (key) => median(samples.map((sample) => sample[key])).toFixed(2)
  return [name, ...['all', 'anonymous', 'heap', 'file', 'stack'].map(cell)]
}
