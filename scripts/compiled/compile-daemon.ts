import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { socketFileName } from '@bgtask/protocol'
import { encode } from '@bgtask/protocol/rpc'
import { supervisorCommand } from '../../packages/supervisor/src/command.js'
import { trySpec } from '../../packages/supervisor/src/launch/try-spec.js'
import { runAndKeep } from './compiled.js'

const DIRECTORY_VARIABLE = 'BGTASK_COMPILE_IN'

const LOOK_MS = 5

/** A launch that hangs must not hang the build. */
const TIMEOUT_MS = 60_000

// Twice this program: the one that is called launches the other one, which is the supervisor.
const directory = process.env[DIRECTORY_VARIABLE]
if (directory === undefined) compile()
else runAndAsk(directory)

/** Launches a task in a directory of its own, which goes again with all that the supervisor left there. */
function compile(): void {
  const directory = mkdtempSync(join(tmpdir(), 'bgtask-'))
  const [shell, ...argv] = supervisorCommand([process.execPath, __filename]) as [string, ...string[]]
  try {
    // It ends with the pipe to it.
    const input = encode(trySpec(directory, ['cat']))
    const env = { ...process.env, [DIRECTORY_VARIABLE]: directory }
    execFileSync(shell, argv, { input, env, stdio: 'pipe', timeout: TIMEOUT_MS })
  } catch (error) {
    const { stderr = String(error) } = error as { stderr?: Buffer }
    // Once it is launched its words go to its log.
    const logs = readdirSync(directory).filter((name) => name.endsWith('.out'))
    writeSync(2, [stderr, ...logs.map((name) => readFileSync(join(directory, name)))].join(''))
    process.exitCode = 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Runs the supervisor until its first client has its info, for that is what every launch and hardly more than that needs. */
function runAndAsk(directory: string): void {
  const path = join(directory, socketFileName(process.pid))
  const ask = () => {
    const socket = connect(path)
    socket.on('error', () => setTimeout(ask, LOOK_MS))
    socket.on('data', () => process.exit())
    socket.write(encode([0, 1, 'getInfo', []]))
  }
  runAndKeep()
  setTimeout(ask, LOOK_MS)
}
