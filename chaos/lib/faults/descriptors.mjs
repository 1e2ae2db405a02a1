import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { note } from '../journal.mjs'
import { descriptorsOf, processOf, runProcesses } from '../processes.mjs'

const PACE_MS = 700
/** More than a supervisor takes by default, so that it has to refuse some. */
const CROWD = 300
/** A supervisor that starts with fewer cannot even load. */
const LEAST = 30

/** Takes descriptors from supervisors: by a limit that they start with or get as they run, and by a crowd of clients. */
export class FewDescriptors {
  count = { limited: 0, starved: 0, crowded: 0 }
  #pool
  #random
  #timer
  #starved = new Map()
  #sockets = new Set()

  constructor({ pool }, random) {
    this.#pool = pool
    this.#random = random
  }

  /** What a caller is started with: its supervisors inherit the limit. */
  prefix() {
    if (this.#random.chance(0.5)) return []
    this.count.limited += 1
    return ['prlimit', `--nofile=${this.#random.integer(LEAST, 100)}`]
  }

  begin() {
    this.#timer = setInterval(() => {
      const supervisors = runProcesses().filter(({ role }) => role === 'supervisor')
      if (supervisors.length === 0) return
      const { pid } = this.#random.pick(supervisors)
      if (this.#random.chance(0.7)) this.#starve(pid)
      else this.#crowd(pid)
    }, PACE_MS)
  }

  end() {
    clearInterval(this.#timer)
    for (const [pid, { timer, limit }] of this.#starved) {
      clearTimeout(timer)
      this.#feed(pid, limit)
    }
    for (const socket of this.#sockets) socket.destroy()
  }

  #starve(pid) {
    const limit = softLimit(pid)
    if (limit === undefined || this.#starved.has(pid)) return
    const left = this.#random.integer(0, 3)
    note('fault', 'descriptors', pid, `begin ${left} left`)
    this.count.starved += 1
    setSoftLimit(pid, descriptorsOf(pid).length + left)
    const timer = setTimeout(() => this.#feed(pid, limit), this.#random.integer(100, 3_000))
    this.#starved.set(pid, { timer, limit })
  }

  #feed(pid, limit) {
    this.#starved.delete(pid)
    if (processOf(pid)?.role === 'supervisor') setSoftLimit(pid, limit)
    note('fault', 'descriptors', pid, 'end')
  }

  #crowd(pid) {
    note('fault', 'descriptors', pid, 'begin crowd')
    this.count.crowded += 1
    const sockets = Array.from({ length: CROWD }, () => connect(this.#pool.socketPath(pid)))
    for (const socket of sockets) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    setTimeout(
      () => {
        for (const socket of sockets) socket.destroy()
        note('fault', 'descriptors', pid, 'end')
      },
      this.#random.integer(200, 2_000),
    )
  }
}

function softLimit(pid) {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))[1])
  } catch {
    return undefined
  }
}

/** The hard limit stays, so that it can be undone. */
function setSoftLimit(pid, limit) {
  spawnSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])
}
