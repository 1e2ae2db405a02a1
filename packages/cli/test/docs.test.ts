import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { cli, program } from './support/cli.js'

/** The examples of a file are one shell session: `$ ` starts a command, its output follows, `…` matches anything. */
describe.for([
  'README.md',
  'docs/cli.md',
  'docs/cli-json.md',
  'docs/coming-from.md',
  'docs/guide/tutorial.md',
  'docs/guide/recipes.md',
])('%s', (file) => {
  const markdown = readFileSync(resolve(import.meta.dirname, '../../..', file), 'utf8')

  test('the examples print the documented output', { timeout: 300_000 }, async () => {
    const { directory, env } = cli()
    symlinkSync(program, join(directory, 'bgtask'))
    const path = [directory, process.env.PATH].join(delimiter)
    const examples = examplesOf(markdown)
    expect(examples.length).toBeGreaterThan(0)
    // After each command, print its exit code and a separator line that is never its output.
    const script = examples.map(({ command }) => `${command}\necho "[$?]"; echo '%%%'`).join('\n')
    const { stdout } = await promisify(execFile)('sh', ['-c', script], {
      cwd: directory,
      env: { ...process.env, ...env, PATH: path },
      timeout: 290_000,
    })
    const outputs = stdout.split('%%%').map((output) => output.trim().replace(/\n?\[0\]$/, ''))
    for (const [index, { command, output }] of examples.entries()) {
      expect(outputs[index], `$ ${command}`).toMatch(patternOf(output))
    }
  })
})

interface Example {
  command: string
  output: string
}

function examplesOf(markdown: string): Example[] {
  const blocks = [...markdown.matchAll(/^```console\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [command = '', ...output] = text.trim().split('\n')
        return { command, output: output.join('\n') }
      }),
  )
}

/** A line with only `…` matches any number of lines. */
function patternOf(output: string): RegExp {
  const escaped = output.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/ +/g, ' +')
  return new RegExp(`^\\s*${escaped.replace(/ *\+?… *\+?/g, '[\\s\\S]*')}\\s*$`)
}
