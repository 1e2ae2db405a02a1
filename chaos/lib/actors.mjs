import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { note } from './journal.mjs'
import { planTask } from './plan.mjs'

const program = (name) => fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url))

/** Callers, clients, readers and a listener: programs of their own, since they are to be killed. */
export class Actors {
  #world
  #random
  #running = { caller: new Map(), client: new Map(), reader: new Map(), listener: new Map() }
  #tasks = 0

  /** @param prefix gives the words that start a caller in limits of its own. */
  constructor(world, random, prefix = () => []) {
    this.#world = world
    this.#random = random
    this.prefix = prefix
  }

  get tasks() {
    return this.#tasks
  }

  count(role) {
    return this.#running[role].size
  }

  pids(role) {
    return [...this.#running[role].values()].map(({ pid }) => pid)
  }

  startCaller() {
    const { side, lockfiles, pool } = this.#world
    const tasks = Array.from({ length: this.#random.integer(1, 3) }, (_, index) =>
      planTask(this.#random, `${side}t${this.#tasks + index}`, lockfiles),
    )
    this.#tasks += tasks.length
    for (const { meta, behavior, maxRuntimeMs } of tasks) {
      // These end without a signal of ours.
      if (behavior === 'background') note('background', meta.key)
      if (behavior === 'background' || maxRuntimeMs !== undefined) note('signalled', meta.key)
    }
    const plan = { path: pool.path, standby: this.#random.chance(0.2) ? 1 : 0, tasks }
    this.#start('caller', Symbol('caller'), this.prefix(), JSON.stringify(plan))
  }

  startClient() {
    this.#start('client', Symbol('client'), [], this.#world.pool.path, String(this.#random.integer(0, 2 ** 31)))
  }

  ensureListener() {
    if (this.count('listener') === 0) this.#start('listener', 'listener', [], this.#world.pool.path)
  }

  /** One reader for each stream, and another when it was killed. */
  ensureReader(pid, { key, lines }) {
    if (this.#running.reader.has(key)) return
    const { streams, receivedFile } = this.#world
    const file = receivedFile(key)
    if (!streams.has(key)) writeFileSync(file, '')
    streams.set(key, lines)
    this.#start('reader', key, [], this.#world.pool.path, String(pid), key, file)
  }

  #start(role, id, prefix, ...args) {
    const [command, ...rest] = [...prefix, process.execPath, program(role), ...args]
    // Each leads a group of its own: tasks in the background end with their caller.
    const child = spawn(command, rest, {
      env: { ...process.env, CHAOS_ROLE: role },
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
    })
    this.#running[role].set(id, child)
    once(child, 'exit').then(() => this.#running[role].delete(id))
  }
}
