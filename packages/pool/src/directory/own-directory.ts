import { accessSync, constants } from 'node:fs'
import { type Access, PoolDirError } from '@bgtask/protocol'
import { inspectDirectory, type PoolDirectory } from './inspect.js'
import { checkAsAsked, type MkdirOptions, makePoolDirectory } from './mkdir.js'
import { RecordCache } from './record-cache.js'

/** The directory of a pool: made if requested, and inspected at each use, since it can be replaced at any time. */
export class OwnDirectory {
  readonly path: string
  readonly access: Access
  readonly #mkdir: MkdirOptions | undefined
  readonly #records = new RecordCache()

  /**
   * @param mkdir how a missing directory is made; without it, a missing one is an error.
   * @throws PoolDirError
   */
  constructor(path: string, access: Access, mkdir: MkdirOptions | undefined) {
    this.path = path
    this.access = access
    this.#mkdir = mkdir
    if (inspectDirectory(path, access) === undefined) {
      if (mkdir === undefined)
        throw new PoolDirError(path, 'missing', 'does not exist (the option mkdirIfMissing creates it)')
      makePoolDirectory(path, mkdir)
    }
    this.inspect()
  }

  /** @throws PoolDirError if it is missing, not a directory, or unsafe. */
  inspect(): PoolDirectory {
    const directory = inspectDirectory(this.path, this.access)
    if (directory === undefined) throw new PoolDirError(this.path, 'missing')
    if (this.#mkdir !== undefined) checkAsAsked(this.path, this.#mkdir, this.access)
    return { ...directory, records: this.#records }
  }

  /** @throws PoolDirError if this process may not create files in it. */
  checkWritable(): void {
    const { path } = this.inspect()
    try {
      accessSync(path, constants.W_OK | constants.X_OK)
    } catch (cause) {
      throw new PoolDirError(path, 'unusable', 'cannot be written', { cause })
    }
  }
}
