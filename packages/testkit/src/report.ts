/** A part of the report at the end of a run. */
export function block(title: string, lines: readonly string[]): string {
  return `\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`
}
