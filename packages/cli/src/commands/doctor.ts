import { printable } from '@bgtask/os'
import type { Finding } from '../doctor/check.js'
import { ok, problem } from '../doctor/check.js'
import { checkMachine } from '../doctor/machine.js'
import { checkPool } from '../doctor/pool.js'
import { describeError } from '../errors.js'
import { isPoolMissing, openPool, type PoolOption } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { painter } from '../text/colour.js'
import { examples, poolCommand } from './common.js'

export function doctorCommand() {
  return poolCommand('doctor')
    .description('check this machine and the pool, and suggest fixes; exit code 1 if there is a problem')
    .addHelpText('after', examples('bgtask doctor'))
    .action(doctor)
}

async function doctor({ json, ...options }: PoolOption & { readonly json?: boolean }): Promise<void> {
  const findings = [...(await checkMachine()), ...(await poolFindings(options))]
  if (findings.some(({ level }) => level === 'problem')) process.exitCode = 1
  if (json) return printJson({ findings })
  const paint = painter(process.stdout)
  const marks = { ok: paint('green', 'ok     '), warning: paint('yellow', 'warning'), problem: paint('red', 'PROBLEM') }
  for (const { level, check, message, advice } of findings) {
    await print(`${marks[level]} ${check}: ${printable(message)}`)
    if (advice !== undefined) await print(`        ${paint('bold', printable(advice))}`)
  }
}

async function poolFindings(options: PoolOption): Promise<Finding[]> {
  try {
    return await checkPool(openPool(options))
  } catch (error) {
    const { message } = describeError(error)
    if (isPoolMissing(error)) return [ok('pool', message)]
    return [problem('pool', message, 'use another directory: --pool or BGTASK_TASKPOOL_PATH')]
  }
}
