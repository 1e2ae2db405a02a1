// `pnpm recording`: runs the commands below on a terminal (`script` of util-linux) and writes what they show to
// docs/images/terminal.svg, as an animation that an <img> plays.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const COMMANDS = [
  `bgtask run --name build -- sh -c 'echo compiling; sleep 1; echo linking; sleep 1; echo built'`,
  'bgtask ls',
  'bgtask logs -f build',
  'bgtask wait build',
  'bgtask run --lock import.lock --name import -- sleep 600',
  'bgtask run --lock import.lock -- sleep 600',
  'bgtask stop import',
  'bgtask ls -a',
]

const COLUMNS = 96
const LINE_PX = 20
const CHARACTER_PX = 8.4
/** Between two commands of the animation, in seconds. */
const PAUSE_S = 1.4
const COLOURS = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 34: '#79c0ff', 35: '#d2a8ff', 36: '#76e3ea' }

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'recording-'))
const bin = join(directory, 'bin')
try {
  mkdirSync(bin)
  const manifest = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'))
  symlinkSync(join(root, 'packages/cli', manifest.bin.bgtask), join(bin, 'bgtask'))
  const steps = COMMANDS.map((command) => ({ command, lines: runOnTerminal(command) }))
  writeFileSync(join(root, 'docs/images/terminal.svg'), svg(steps))
} finally {
  runOnTerminal('bgtask rm -f $(bgtask ls -aq)')
  rmSync(directory, { recursive: true })
}

/** @returns the lines that the terminal shows, with their escape sequences. */
function runOnTerminal(command) {
  const env = {
    ...process.env,
    PATH: [bin, process.env.PATH].join(delimiter),
    BGTASK_TASKPOOL_PATH: join(directory, 'tasks'),
    TERM: 'xterm',
  }
  const script = `stty cols ${COLUMNS}; ${command}`
  const { stdout, error } = spawnSync('script', ['-qec', script, '/dev/null'], {
    cwd: directory,
    env,
    encoding: 'utf8',
  })
  if (error) throw new Error(`script, of util-linux, is needed: ${error.message}`)
  return stdout.replaceAll('\r', '').trimEnd().split('\n').filter(Boolean)
}

function svg(steps) {
  const rows = steps.flatMap(({ command, lines }, step) => [
    { text: `<tspan class="p">$</tspan> ${escapeXml(command)}`, at: step * PAUSE_S },
    ...lines.map((line) => ({ text: coloured(line), at: step * PAUSE_S + 0.5 })),
  ])
  const width = Math.ceil(COLUMNS * CHARACTER_PX) + 32
  const height = rows.length * LINE_PX + 32
  const texts = rows.map(
    ({ text, at }, row) =>
      `<text x="16" y="${row * LINE_PX + 30}" style="animation-delay:${at.toFixed(1)}s" xml:space="preserve">${text}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>Tasks run, listed, followed and stopped from a shell</title>
<style>
text { font: 14px ui-monospace, Menlo, Consolas, monospace; fill: #e6edf3; animation: appear 1ms both }
.p { fill: #7ee787 }
@keyframes appear { from { opacity: 0 } }
@media (prefers-reduced-motion) { text { animation: none } }
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${texts.join('\n')}
</svg>
`
}

/** Colours, bold and dim as tspans; other escape sequences are left out. */
function coloured(line) {
  let open = false
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the escape sequences
  const parts = line.split(/(\u001b\[[\d;?]*[A-Za-z])/)
  const text = parts.map((part) => {
    if (!part.startsWith('\u001b')) return escapeXml(part)
    const before = open ? '</tspan>' : ''
    const style = styleOf(part)
    open = style !== undefined
    return style === undefined ? before : `${before}<tspan style="${style}">`
  })
  return text.join('') + (open ? '</tspan>' : '')
}

function styleOf(sequence) {
  const code = Number(/\[(\d+)m$/.exec(sequence)?.[1])
  if (code === 1) return 'font-weight:bold'
  if (code === 2) return 'opacity:.6'
  return COLOURS[code] && `fill:${COLOURS[code]}`
}

function escapeXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
