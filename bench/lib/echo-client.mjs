import { once } from 'node:events'
import { connect } from 'node:net'

/** The bare minimum: as many bytes there and back, without decoding them. */
export async function echoClient(path, requestBytes, replyBytes) {
  const socket = connect(path)
  await once(socket, 'connect')
  const request = Buffer.alloc(requestBytes)
  let received = 0
  let done = () => {}
  socket.on('data', (chunk) => {
    received += chunk.length
    if (received >= replyBytes) done()
  })
  const call = () =>
    new Promise((resolve) => {
      received = 0
      done = resolve
      socket.write(request)
    })
  return { call, end: () => socket.destroy() }
}
