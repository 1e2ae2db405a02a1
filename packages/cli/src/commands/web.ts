import type { TaskPool } from '@bgtask/pool'
import { CliError } from '../errors.js'
import { openPool, type PoolOption } from '../open-pool.js'
import { print, printJson } from '../output/print.js'
import { onStopping } from '../stopping.js'
import { keptToken } from '../token-file.js'
import { examples, parsed, poolCommand } from './common.js'

export function webCommand() {
  return poolCommand('web')
    .description('serve a page that shows the tasks (needs the package @bgtask/web)')
    .option('-p, --port <port>', 'any free one unless given', portNumber)
    .option('--write', 'let the page act on tasks too, not only look')
    .option('--open', 'open it in the browser')
    .option('--token-file <file>', 'keep the token there, so that with --port the address outlives a restart')
    .addHelpText(
      'after',
      examples('bgtask web --open', 'bgtask web --port 8080 --token-file ~/.config/bgtask-web-token'),
    )
    .action(web)
}

/** Before the pool is looked at: what was mistyped is told first. */
function portNumber(text: string): number {
  return parsed(/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined, 'It must be a port.')
}

interface WebOptions extends PoolOption {
  readonly json?: boolean
  readonly port?: number
  readonly write?: boolean
  readonly open?: boolean
  readonly tokenFile?: string
}

/** Of `@bgtask/web`, what this command needs. */
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
  // A file and not a word: ps shows words to everybody.
  const token = tokenFile === undefined ? undefined : keptToken(tokenFile)
  const onListening = (url: string) => void (json ? printJson({ url }) : print(url))
  await using _console = await serveConsole({ pool, port, write, open, token, onListening })
  await new Promise<void>((resolve) => onStopping(() => resolve()))
}

async function loadWeb(): Promise<Web> {
  // Not a literal: the package is brought along or not, and never part of this bundle.
  const name = '@bgtask/web'
  try {
    return await import(name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // The build makes a require of it, whose code is the second; quoted, since a message tells who required too.
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    if (!isMissing || !message.includes(`'${name}'`)) throw error
    throw new CliError('ERR_BGTASK_NOT_INSTALLED', `bgtask web needs the package ${name}: npm install ${name}`)
  }
}
