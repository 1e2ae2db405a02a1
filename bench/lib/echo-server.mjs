import { createServer } from 'node:net'

const [path, requestBytes, replyBytes] = process.argv.slice(2)
const reply = Buffer.alloc(Number(replyBytes))

createServer((socket) => {
  let received = 0
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received += chunk.length
    if (received < Number(requestBytes)) return
    received = 0
    socket.write(reply)
  })
}).listen(path, () => process.send('ready'))
