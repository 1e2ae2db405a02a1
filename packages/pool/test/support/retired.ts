import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { segmentName, taskDirectoryName } from '@bgtask/os'
import type { TaskPool } from '@bgtask/pool'
import type { RecordedInfo, TaskRecord } from '@bgtask/protocol'
import { recordOf, writeRecord } from './records.js'

/** Above what the kernel gives, so that no process has it. */
let nextPid = 4_194_305

export interface RetiredOptions {
  readonly info?: Partial<RecordedInfo>
  readonly stdout?: string
}

/** Leaves what a supervisor leaves that has retired: the record with the final streams, and the output in files. */
export function retire(pool: TaskPool, { info = {}, stdout = '' }: RetiredOptions = {}): TaskRecord {
  const pid = nextPid++
  const record = recordOf(process.pid, {
    state: 'exited',
    startedAt: 1_000,
    exitedAt: 2_000,
    exitStatus: { exitCode: 0, signal: null, cause: 'exit' },
    retiredAt: 2_500,
    supervisorPid: pid,
    streams: {
      0: { acceptedOffset: 0, writtenOffset: 0, discarded: 0, closed: true, error: null },
      1: ended(stdout.length),
      2: ended(0),
    },
    ...info,
  })
  const written = { ...record, supervisor: { ...record.supervisor, pid, startTime: 1 } }
  const directory = join(pool.path, taskDirectoryName(record.info.taskId))
  mkdirSync(directory)
  if (stdout !== '') writeFileSync(join(directory, segmentName({ stream: 1, from: 0 })), stdout)
  writeRecord(pool.path, written)
  return written
}

function ended(endOffset: number) {
  return { firstOffset: 0, endOffset, runOffset: 0, discarded: 0, eof: true, blocked: false, error: null }
}
