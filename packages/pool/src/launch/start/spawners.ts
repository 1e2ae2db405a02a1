import type { Caller } from '../caller.js'
import { Spawner } from '../spawner/spawner.js'

/**
 * The spawner of this process, shared by all pools. It is started with the second launch, so that a program that spawns once never
 * pays for it, and ends with this process.
 */
class Spawners {
  #launches = 0
  #spawner: Spawner | undefined
  #key = ''

  /** The spawner for the next launch; undefined if there is none, and for good if one has never worked. */
  next(program: string, caller: Caller): Spawner | undefined {
    this.#launches += 1
    if (this.#launches === 1 || (this.#spawner?.isGone && !this.#spawner.hasWorked)) return undefined
    const key = `${program}\n${caller.inheritance}`
    if (this.#spawner === undefined || this.#spawner.isGone || this.#key !== key) this.#replace(program, key)
    return this.#spawner
  }

  /** Launches that are under way with the old one keep it until they are over. */
  #replace(program: string, key: string): void {
    this.#spawner?.retire()
    this.#spawner = new Spawner(program)
    this.#key = key
  }
}

export const spawners = new Spawners()
