import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { signalProcess } from '@bgtask/os'
import { followJournal, note } from './journal.mjs'
import { livesOn, processOf } from './processes.mjs'

const PROGRAM = fileURLToPath(new URL('../programs/foreign.sh', import.meta.url))
const PACE_MS = 300
/** So many live at once, the oldest goes for the next. */
const MOST = 12
/** So many pids of ended children are tried for foreigners. */
const REMEMBERED = 20

/**
 * Processes that belong to no task, with pids and sessions in between those of tasks. In a pid namespace of our own they get,
 * where they can, the pid of a child that has ended: as its session's leader, or alone in the session of one that exited.
 */
export class Foreigners {
  count = 0
  /** So many got the pid of a child. */
  reused = 0
  #side
  #random
  #timer
  #news = followJournal()
  #alive = new Map()
  #ended = []

  constructor({ side }, random) {
    this.#side = side
    this.#random = random
  }

  get alive() {
    return [...this.#alive.values()]
  }

  begin() {
    this.#start()
    this.#timer = setInterval(() => {
      this.look()
      if (this.#alive.size >= MOST) this.#dismiss(...this.#alive.entries().next().value)
      this.#start()
    }, PACE_MS)
  }

  /** No more of them come; those that are there are watched on. */
  end() {
    clearInterval(this.#timer)
  }

  /** Adds new foreign processes, and notes those that are gone without being dismissed. */
  look() {
    for (const { event, subject, number, rest } of this.#news()) {
      if (event === 'foreign' && subject.startsWith(this.prefix))
        this.#alive.set(subject, { pid: number, startTime: Number(rest.split(' ')[0]) })
      if (event === 'start' && subject.startsWith(`${this.#side}t`)) this.#ended.push(number)
    }
    this.#ended = this.#ended.slice(-REMEMBERED)
    for (const [name, process] of this.#alive) {
      if (livesOn(process)) continue
      note('hit', name, process.pid, 'it is gone')
      this.#alive.delete(name)
    }
  }

  dismissAll() {
    this.look()
    for (const [name, process] of this.#alive) this.#dismiss(name, process)
  }

  get prefix() {
    return `${this.#side}foreign`
  }

  #start() {
    const name = `${this.prefix}${this.count}`
    const wanted = this.#side === '' ? undefined : this.#freePid()
    if (wanted !== undefined) writeFileSync('/proc/sys/kernel/ns_last_pid', String(wanted - 1))
    const { pid } = spawn('sh', [PROGRAM, name, ...(this.#random.chance(0.6) ? ['member'] : [])], {
      env: { ...process.env, CHAOS_ROLE: 'foreign' },
      stdio: 'ignore',
      detached: true,
    })
    this.count += 1
    if (pid === wanted) this.reused += 1
  }

  #freePid() {
    const free = this.#ended.filter((pid) => processOf(pid) === undefined)
    return free.length === 0 ? undefined : this.#random.pick(free)
  }

  #dismiss(name, target) {
    this.#alive.delete(name)
    note('dismissed', name, target.pid)
    signalProcess(target, 'SIGUSR1')
  }
}
