// Puts a program that `build.mjs` or `release.sh` has built into the package of its platform, with checksum and notices.
//   node stage.mjs x64|arm64 PROGRAM [directory]     ->  packages/supervisor-linux-ARCH
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { recordSources } from './sources.mjs'

const root = import.meta.dirname
const PROGRAM = 'bgtask-supervisor'

/** The field `e_machine` of an ELF file. */
const MACHINES = { x64: 62, arm64: 183 }

/** The type of the program header that names a dynamic loader. */
const PT_INTERP = 3

const [arch, program, directory = resolve(root, `../supervisor-linux-${arch}`)] = process.argv.slice(2)

if (MACHINES[arch] === undefined || program === undefined)
  fail(`usage: node stage.mjs ${Object.keys(MACHINES).join('|')} PROGRAM [directory]`)
const bytes = readFileSync(program)
checkProgram()
mkdirSync(directory, { recursive: true })
// Not in place: a supervisor may be running that file.
const target = join(directory, PROGRAM)
writeFileSync(`${target}.new`, bytes)
chmodSync(`${target}.new`, 0o755)
renameSync(`${target}.new`, target)
writeFileSync(join(directory, 'SHA256SUMS'), `${createHash('sha256').update(bytes).digest('hex')}  ${PROGRAM}\n`)
copyFileSync(join(root, 'NOTICES.md'), join(directory, 'NOTICES.md'))
recordSources(directory)
console.log(directory)

/** One file for every Linux of that processor, whatever its C library is. */
function checkProgram() {
  const isElf = bytes.subarray(0, 4).toString('latin1') === '\x7fELF'
  if (!isElf || bytes.readUInt16LE(18) !== MACHINES[arch]) fail(`${program} is not a program for ${arch}`)
  const [start, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
  const types = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(start + index * size))
  if (types.includes(PT_INTERP)) fail(`${program} is not static`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
