import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import { parseDuration, parseSize } from '../text/quantity.js'

const POOL = '--pool <dir>'
export const JSON_FLAG = '--json'
export const JSON_HELP = 'print JSON, including errors (docs/cli-json.md)'

/** Flags of the options that all commands share; help lists them last. */
export const COMMON_OPTIONS: readonly string[] = [POOL, JSON_FLAG, '-h, --help']

/** Creates a command with the shared options. Actions set `process.exitCode` if it is not 0. */
export function poolCommand(name: string) {
  return new Command(name)
    .option(POOL, 'pool directory (default: $BGTASK_TASKPOOL_PATH, or your own pool)')
    .option(JSON_FLAG, JSON_HELP)
}

/** Formats the examples below a command's help. */
export function examples(...lines: string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}`).join('\n')}`
}

/** Parses a duration; returns ms. */
export function duration(text: string): number {
  return validated(
    parseDuration(text),
    'It must be a duration such as 10s, 1.5m, 2h or 500ms; a bare number means seconds.',
  )
}

/** Parses a number of bytes. */
export function size(text: string): number {
  return validated(parseSize(text), 'It must be a size such as 64K, 16M or 1G, or a number of bytes.')
}

/** Parses a count or an offset. */
export function count(text: string): number {
  return validated(/^\d+$/.test(text) ? Number(text) : undefined, 'It must be a whole number, 0 or more.')
}

/** Parses a JavaScript regular expression. */
export function regExp(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

/** Collects the values of a repeatable option. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/** @throws InvalidArgumentError with `rule` if the value is undefined. */
export function validated<T>(value: T | undefined, rule: string): T {
  if (value === undefined) throw new InvalidArgumentError(rule)
  return value
}
