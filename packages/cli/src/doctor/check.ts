/** Result of a check. */
export interface Finding {
  readonly check: string
  /** `warning`: works, but needs attention. `problem`: something does not work. */
  readonly level: 'ok' | 'warning' | 'problem'
  readonly message: string
  /** What to do about it. */
  readonly advice?: string
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message }
}

export function warning(check: string, message: string, advice: string): Finding {
  return { check, level: 'warning', message, advice }
}

export function problem(check: string, message: string, advice: string): Finding {
  return { check, level: 'problem', message, advice }
}
