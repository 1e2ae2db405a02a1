// The least that a supervisor in Node can do, to tell what a cold spawn takes at the least: it starts a child, listens, and
// answers `getInfo` with the bytes in BENCH_INFO. It looks at no spec, keeps no output and no record, and holds no lock.
const { spawn } = require('node:child_process')
const { writeSync } = require('node:fs')
const { createServer } = require('node:net')

const RESPONSE = 1
const FOUR_ITEMS = 0x94
const NIL = 0xc0

const info = Buffer.from(process.env.BENCH_INFO, 'base64')
const child = spawn('sleep', ['600'], { detached: true })
const server = createServer((socket) => {
  socket.on('error', () => {})
  // Its client's ids are small enough to be one byte each.
  socket.on('data', ([, , id]) => socket.write(Buffer.concat([Buffer.from([FOUR_ITEMS, RESPONSE, id, NIL]), info])))
})
server.listen(`${process.env.BENCH_POOL}/${process.pid}.sock`, () => writeSync(2, `DAEMON_PID=${process.pid}\n`))
process.on('SIGTERM', () => {
  child.kill('SIGKILL')
  server.close()
  process.exit()
})
