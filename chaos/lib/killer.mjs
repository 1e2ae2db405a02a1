import { watch } from 'node:fs'
import { parsePoolFileName, signalProcess } from '@bgtask/os'
import { note } from './journal.mjs'
import { processOf, runProcesses } from './processes.mjs'

/** Interval (ms) of kills and stops. */
const PACE_MS = 200

const VICTIMS = { caller: 3, supervisor: 3, child: 4, client: 2, reader: 2, listener: 1 }

const CHILD_SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT']

/** Chance of a kill at each event of the pool's directory. */
const MOMENT_CHANCE = 0.04

/** Kills and stops processes of all roles, at random and at the very steps of a launch. */
export class Killer {
  kills = { caller: 0, supervisor: 0, child: 0, client: 0, reader: 0, listener: 0 }
  stops = 0
  #random
  #actors
  #path
  #side
  #watcher
  #timer
  #stopped = new Map()

  constructor({ pool, side }, random, actors) {
    this.#side = side
    this.#path = pool.path
    this.#random = random
    this.#actors = actors
  }

  begin() {
    this.#timer = setInterval(() => this.#act(), PACE_MS)
    // A supervisor's log, socket, record and the socket's name appear in turn as it starts.
    this.#watcher = watch(this.#path, (_, name) => this.#moment(parsePoolFileName(name ?? '')))
  }

  /** Ends the kills, and continues all stopped processes. */
  end() {
    clearInterval(this.#timer)
    this.#watcher.close()
    for (const [victim, timer] of this.#stopped) {
      clearTimeout(timer)
      this.#wake(victim)
    }
  }

  #act() {
    const victims = runProcesses().filter(({ role }) => role in VICTIMS)
    if (victims.length === 0) return
    const there = Object.entries(VICTIMS).filter(([name]) => victims.some((victim) => victim.role === name))
    const role = this.#random.weighted(Object.fromEntries(there))
    const victim = this.#random.pick(victims.filter((victim) => victim.role === role))
    if (this.#random.chance(0.4)) this.#stop(victim)
    else this.#kill(victim, role === 'child' ? this.#random.pick(CHILD_SIGNALS) : 'SIGKILL')
  }

  #moment(file) {
    if (file === undefined || !this.#random.chance(MOMENT_CHANCE)) return
    const callers = this.#actors.pids('caller')
    const atCaller = callers.length > 0 && this.#random.chance(0.5)
    // The file may be that of a process of another pid namespace, with the pid of one of ours.
    const victim = processOf(atCaller ? this.#random.pick(callers) : file.pid)
    if (victim?.role === (atCaller ? 'caller' : 'supervisor')) this.#kill(victim, 'SIGKILL')
  }

  #kill(victim, killSignal) {
    this.#note(killSignal, victim)
    if (signalProcess(victim, killSignal)) this.kills[victim.role] += 1
  }

  #stop(victim) {
    this.#note('SIGSTOP', victim)
    if (!signalProcess(victim, 'SIGSTOP')) return
    this.stops += 1
    this.#stopped.set(
      victim,
      setTimeout(() => this.#wake(victim), this.#random.integer(20, 1_500)),
    )
  }

  #wake(victim) {
    this.#stopped.delete(victim)
    signalProcess(victim, 'SIGCONT')
  }

  /** Noted first, so that the journal explains what follows. */
  #note(killSignal, { pid, role, key }) {
    note(killSignal, `${this.#side}${role}`, pid, key)
    if (key !== undefined && killSignal !== 'SIGSTOP') note('signalled', key)
  }
}
