import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import { parseDuration, parseSize } from '../text/quantity.js'

const POOL = '--pool <dir>'
export const JSON_FLAG = '--json'
export const JSON_HELP = 'print JSON, errors too (docs/cli-json.md)'

/** Flags of the options that every command has; help shows them last. */
export const COMMON_OPTIONS: readonly string[] = [POOL, JSON_FLAG, '-h, --help']

/** A command with what every command has. Actions set `process.exitCode` where it is not 0. */
export function poolCommand(name: string) {
  return new Command(name)
    .option(POOL, 'the directory of the tasks; else $BGTASK_TASKPOOL_PATH, else your own')
    .option(JSON_FLAG, JSON_HELP)
}

/** Examples under a command's help. */
export function examples(...lines: string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

/** Parses an option's or argument's duration, in ms. */
export function duration(text: string): number {
  return parsed(parseDuration(text), 'It must be a duration such as 10s, 1.5m, 2h or 500ms; a bare number is seconds.')
}

/** Parses a number of bytes. */
export function size(text: string): number {
  return parsed(parseSize(text), 'It must be a size such as 64K, 16M or 1G, or a number of bytes.')
}

/** Parses a count or an offset. */
export function count(text: string): number {
  return parsed(/^\d+$/.test(text) ? Number(text) : undefined, 'It must be a number from 0 on.')
}

/** Parses a regular expression of JavaScript. */
export function regExp(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

/** Collects an option that may be given several times. */
export function several(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

export function parsed<T>(value: T | undefined, rule: string): T {
  if (value === undefined) throw new InvalidArgumentError(rule)
  return value
}
