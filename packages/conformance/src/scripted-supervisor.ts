#!/usr/bin/env node
import { readSync, renameSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { readProcessStat } from '@bgtask/os'
import { Decoder, encode } from '@msgpack/msgpack'

/**
 * A supervisor that starts nothing and plays a part: `scripted-supervisor.js PART REPORT`. It writes what its launcher did
 * into the file REPORT, as JSON, so that a check can look at it.
 */
type Part = 'plain' | 'chatty' | 'fails' | 'silent' | 'only-info' | 'hangs' | 'wild-info' | 'refuses'

/** What a launcher did, as its supervisor sees it. */
export interface LaunchReport {
  readonly pid: number
  readonly ppid: number
  readonly session: number
  readonly pgrp: number
  readonly env: Record<string, string>
  /** The spec, or what is wrong with the bytes that came. */
  readonly spec: Record<string, unknown> | string
}

const [part = 'plain', reportFile = ''] = process.argv.slice(2) as [Part, string]
const spec = readSpec()
writeReport()
play(part)

function play(role: Part): void {
  switch (role) {
    case 'fails':
      writeSync(2, 'the scripted reason\n')
      process.exit(1)
      break
    case 'silent':
      whenStderrCloses()
      return
    case 'chatty':
      writeSync(2, 'a warning that no launcher knows\nBGTASK_FUTURE={"x":1}\n')
  }
  serve()
}

/** Notes that the launcher has closed its end, which a write that fails shows. */
function whenStderrCloses(): void {
  const timer = setInterval(() => {
    try {
      writeSync(2, '.\n')
    } catch {
      clearInterval(timer)
      writeFileSync(`${reportFile}.closed`, '')
    }
  }, 20)
}

function serve(): void {
  const { poolPath, taskId } = spec as { poolPath: string; taskId: string }
  const temporary = join(poolPath, `.${process.pid}.s`)
  const path = join(poolPath, `${process.pid}.sock`)
  const server = createServer(answer)
  server.listen(temporary, () => {
    renameSync(temporary, path)
    writeSync(2, `DAEMON_PID=${process.pid}\n`)
  })
  process.on('SIGTERM', () => {
    unlinkSync(path)
    process.exit(0)
  })

  function answer(socket: Socket): void {
    socket.on('error', () => {})
    if (part === 'hangs') return
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      for (const message of decodedMessages()) reply(socket, message)
    })

    function* decodedMessages(): Generator<unknown[]> {
      while (pending.length > 0) {
        let length: number
        let message: unknown[]
        try {
          // Only whole messages decode; the encoder gives a message one form, so its length is that of its encoding.
          ;[message, length] = firstMessage(pending)
        } catch {
          return
        }
        pending = pending.subarray(length)
        yield message
      }
    }
  }

  function reply(socket: Socket, [type, id, method]: unknown[]): void {
    if (type !== 0) return
    if (part === 'refuses') socket.write(encode([1, id, CALLERS_FAULT, null]))
    else if (method === 'getInfo') socket.write(encode([1, id, null, infoOf(taskId)]))
    else
      socket.write(
        encode([1, id, { code: 'ERR_BGTASK_UNSUPPORTED', message: `method ${method} is not supported` }, null]),
      )
  }
}

/** As if the caller of a search had given a wrong pattern. */
const CALLERS_FAULT = {
  code: 'ERR_BGTASK_INVALID_OPTION',
  message: 'pattern is not valid',
  data: { option: 'pattern', got: 'x' },
}

function infoOf(taskId: string): Record<string, unknown> {
  const base = {
    taskId,
    supervisorPid: process.pid,
    pid: null,
    meta: { part },
    command: ['scripted'],
    cwd: '/',
    run: 1,
    protocol: 1,
    software: 'scripted/1',
  }
  if (part === 'wild-info')
    return { ...base, state: '\u001b]52;c;AAAA\u0007', command: 5, streams: 'none', future: { x: [1] } }
  const stream = { firstOffset: 0, endOffset: 0, eof: true }
  return {
    ...base,
    behavior: 'daemon',
    state: 'exited',
    exitStatus: { exitCode: 0, signal: null, cause: 'exit' },
    streams: { 1: stream, 2: stream },
  }
}

function firstMessage(bytes: Buffer): [unknown[], number] {
  for (let length = 1; length <= bytes.length; length += 1) {
    try {
      return [new Decoder().decode(bytes.subarray(0, length)) as unknown[], length]
    } catch {
      // More bytes are needed.
    }
  }
  throw new Error('no whole message yet')
}

function readSpec(): LaunchReport['spec'] {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.alloc(65_536)
    let count = 0
    try {
      count = readSync(0, chunk)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EOF') break
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      continue
    }
    if (count === 0) break
    chunks.push(chunk.subarray(0, count))
  }
  try {
    const value = new Decoder().decode(Buffer.concat(chunks))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : `no map: ${String(value)}`
  } catch (error) {
    return `not one MessagePack value: ${(error as Error).message}`
  }
}

function writeReport(): void {
  const { ppid, pgrp, session } = readProcessStat(process.pid) ?? {}
  const report = { pid: process.pid, ppid, pgrp, session, env: process.env, spec }
  writeFileSync(`${reportFile}.new`, JSON.stringify(report))
  renameSync(`${reportFile}.new`, reportFile)
}
