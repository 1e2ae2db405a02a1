import { connect } from 'node:net'
import { encode } from '@bgtask/protocol/rpc'

// A client that is to be killed in the middle of a message.
const message = encode([0, 1, 'applyMeta', [{ patch: { half: 'x'.repeat(10_000) } }]])
const socket = connect(process.argv[2])
socket.write(message.subarray(0, message.length / 2), () => process.send('half'))
