// Makes the package for one platform from a binary that `release.sh` has built, ready for `npm pack` and `npm publish`.
//   node stage.mjs x64|arm64 [binary] [directory]     ->  dist/packages/supervisor-linux-ARCH
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = import.meta.dirname
const PROGRAM = 'bgtask-supervisor'

/** The field `e_machine` of an ELF file. */
const MACHINES = { x64: 62, arm64: 183 }

/** The type of the program header that names a dynamic loader. */
const PT_INTERP = 3

const [
  arch,
  binary = join(root, `dist/${PROGRAM}-linux-${arch}`),
  directory = join(root, `dist/packages/supervisor-linux-${arch}`),
] = process.argv.slice(2)

if (MACHINES[arch] === undefined) fail(`usage: node stage.mjs ${Object.keys(MACHINES).join('|')} [binary] [directory]`)
const bytes = readFileSync(binary)
checkProgram()
rmSync(directory, { recursive: true, force: true })
mkdirSync(directory, { recursive: true })
writeFileSync(join(directory, PROGRAM), bytes)
chmodSync(join(directory, PROGRAM), 0o755)
writeFileSync(join(directory, 'SHA256SUMS'), `${createHash('sha256').update(bytes).digest('hex')}  ${PROGRAM}\n`)
writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
writeFileSync(join(directory, 'README.md'), readme())
copyFileSync(join(root, 'NOTICES.md'), join(directory, 'NOTICES.md'))
copyFileSync(resolve(root, '../../LICENSE'), join(directory, 'LICENSE'))
console.log(directory)

/** One file for every Linux of that processor, whatever its C library is. */
function checkProgram() {
  const isElf = bytes.subarray(0, 4).toString('latin1') === '\x7fELF'
  if (!isElf || bytes.readUInt16LE(18) !== MACHINES[arch]) fail(`${binary} is not a program for ${arch}`)
  const [start, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
  const types = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(start + index * size))
  if (types.includes(PT_INTERP)) fail(`${binary} is not static`)
}

function manifest() {
  const { version, license, author } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return {
    name: `@bgtask/supervisor-linux-${arch}`,
    version,
    description: `The native supervisor of bgtask for Linux on ${arch}`,
    license,
    author,
    os: ['linux'],
    cpu: [arch],
    files: [PROGRAM, 'NOTICES.md', 'SHA256SUMS'],
    preferUnplugged: true,
    publishConfig: { access: 'public' },
  }
}

function readme() {
  return `# @bgtask/supervisor-linux-${arch}

The native supervisor of bgtask for Linux on ${arch}: one static program, without an install script. \`@bgtask/pool\` uses it if it is installed.
`
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
