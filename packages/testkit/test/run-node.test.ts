import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runNode, tempDir } from '../src/index.js'

test('gives output and exit code of a program, with arguments, environment and input', async () => {
  const script = program(`
    process.stdin.on('data', (data) => console.log(process.argv[2], process.env.COLOUR, String(data)))
    process.stdin.on('end', () => process.exit(3))`)
  const { exitCode, stdout } = await runNode(script, ['apple'], { env: { COLOUR: 'red' }, input: 'juicy' })
  expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: 'apple red juicy' })
})

test('a program that hangs ends after the time out, and its output is told', async () => {
  const script = program("console.log('started'); setInterval(() => {}, 1000)")
  const { timedOut, stdout } = await runNode(script, [], { timeout: 1000 })
  expect({ timedOut, stdout }).toEqual({ timedOut: true, stdout: 'started' })
})

function program(text: string): string {
  const script = join(tempDir(), 'program.mjs')
  writeFileSync(script, text)
  return script
}
