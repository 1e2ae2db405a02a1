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

test('a program that hangs is ended after the time out', async () => {
  const { timedOut, exitCode } = await runNode(program('setInterval(() => {}, 1000)'), [], { timeout: 300 })
  expect({ timedOut, exitCode }).toEqual({ timedOut: true, exitCode: undefined })
})

function program(text: string): string {
  const script = join(tempDir(), 'program.mjs')
  writeFileSync(script, text)
  return script
}
