// node-osc and oscquery as peers of the controller, told what to do by lines on standard input:
//   {"send": ["/acestep/tags", "house"]}   a message by node-osc, from the port that it listens on
//   {"query": true}                        the namespace, read by the oscquery package
//   {"listen": "/acestep/variance"}        OSCQuery's LISTEN by node's own WebSocket; each frame is said in base64
// Every message that comes is printed as one JSON line: ["/acestep/status", "ready"]
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(process.env.ACESTEP_NODE_PEERS + '/package.json')
const { Client, Server } = require('node-osc')
const port = Number(process.argv[2])
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

const server = new Server(0, '127.0.0.1', () => {
  say(['listening', server.port])
})
server.on('message', (message) => say(message))
server.on('bundle', (bundle) => bundle.elements.forEach((element) => say(element)))
const client = new Client('127.0.0.1', port)

createInterface({ input: process.stdin }).on('line', async (line) => {
  const wish = JSON.parse(line)
  if (wish.send) client.send(wish.send, (error) => error && say(['failed', String(error)]))
  if (wish.query) {
    const { OSCQueryDiscovery } = require('oscquery')
    const found = await new OSCQueryDiscovery().queryNewService('127.0.0.1', port)
    say(['namespace', found.hostInfo.name, found.hostInfo.oscPort, found.flat().map((node) => node.full_path)])
  }
  if (wish.listen) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => socket.send(JSON.stringify({ COMMAND: 'LISTEN', DATA: wish.listen }))
    socket.onmessage = (event) => say(['frame', Buffer.from(event.data).toString('base64')])
    socket.onerror = (event) => say(['failed', String(event.message)])
  }
}).on('close', () => process.exit(0))
