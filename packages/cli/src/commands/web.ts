import type { TaskPool } from '@bgtask/pool'
import { CliError } from '../errors.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { onStopSignal } from '../stopping.js'
import { readOrCreateToken } from '../token-file.js'
import { examples, poolCommand, validated } from './common.js'

export function webCommand() {
  return poolCommand('web')
    .description('serve a web console for the tasks (needs the package @bgtask/web)')
    .option('-p, --port <port>', 'port to listen on (default: any free port)', portNumber)
    .option('--write', 'allow the page to control tasks')
    .option('--open', 'open the page in the browser')
    .option(
      '--token-file <file>',
      'keep the token in this file; with --port, the address then stays valid after a restart',
    )
    .addHelpText(
      'after',
      examples('bgtask web --open', 'bgtask web --port 8080 --token-file ~/.config/bgtask-web-token'),
    )
    .action(web)
}

/** Validated while parsing, so that a typo is reported before pool errors. */
function portNumber(text: string): number {
  return validated(
    /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined,
    'It must be a port number.',
  )
}

interface WebOptions extends PoolOption {
  readonly json?: boolean
  readonly port?: number
  readonly write?: boolean
  readonly open?: boolean
  readonly tokenFile?: string
}

/** The part of `@bgtask/web` that this command uses. */
interface Web {
  serveConsole(options: {
    pool: TaskPool
    port?: number
    write?: boolean
    open?: boolean
    token?: string
    onListening?: (url: string) => void
  }): Promise<AsyncDisposable>
}

async function web({ json, port, write, open, tokenFile, ...options }: WebOptions): Promise<void> {
  const { serveConsole } = await loadWeb()
  const pool = openPool(options)
  // In a file, since ps shows arguments to all users.
  const token = tokenFile === undefined ? undefined : readOrCreateToken(tokenFile)
  const onListening = (url: string) => void (json ? printJson({ url }) : print(url))
  await using _console = await serveConsole({ pool, port, write, open, token, onListening })
  await new Promise<void>((resolve) => onStopSignal(() => resolve()))
}

async function loadWeb(): Promise<Web> {
  // Not a literal, so that the bundler leaves the optional package out.
  const name = '@bgtask/web'
  try {
    return await import(name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // The build turns the import into a require, whose code is the second. Quoted, since the message also names the requiring file.
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    if (!isMissing || !message.includes(`'${name}'`)) throw error
    throw new CliError('ERR_BGTASK_NOT_INSTALLED', `bgtask web needs the package ${name}: npm install ${name}`)
  }
}
