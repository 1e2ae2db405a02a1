import type { Task } from '@bgtask/client'
import type { JsonObject } from '@bgtask/protocol'

/** The meta of a pool's tasks: `M` if their class is a `Task<M>`. */
export type MetaOf<T> = T extends Task<infer Meta> ? Meta : JsonObject

/** Meta as callers pass it. In a pool without a type of its own any object is accepted, also one that an `interface` describes. */
export type MetaInput<Meta extends object> = JsonObject extends Meta ? object : Meta
