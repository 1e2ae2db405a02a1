import { bgtask, bgtaskInNode } from './bgtask.mjs'
import { dtach } from './dtach.mjs'
import { plainSpawn } from './plain-spawn.mjs'
import { pm2 } from './pm2.mjs'
import { runsv } from './runsv.mjs'
import { supervisord } from './supervisord.mjs'
import { taskSpooler } from './task-spooler.mjs'
import { tmux } from './tmux.mjs'

/** Ours first; the floor last. */
export const PEERS = [bgtask, bgtaskInNode, pm2, supervisord, tmux, dtach, taskSpooler, runsv, plainSpawn]
