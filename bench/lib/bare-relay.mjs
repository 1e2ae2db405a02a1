import { connect, createServer, Socket } from 'node:net'

// `read <socket>` takes what comes on a unix socket, as fast as Node can; `relay <socket>` sends fd 0, a real pipe, there.
const [, , role, path] = process.argv
if (role === 'relay') new Socket({ fd: 0, readable: true, writable: false }).pipe(connect(path))
else {
  const server = createServer((socket) => {
    const start = performance.now()
    let total = 0
    socket.on('data', (chunk) => {
      total += chunk.length
    })
    socket.on('end', () => {
      process.stdout.write(JSON.stringify({ total, ms: performance.now() - start }))
      server.close()
    })
  })
  server.listen(path)
}
