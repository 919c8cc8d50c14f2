// An independent peer, @ethereumjs/devp2p 10.0.0, against a running node, both ways:
//
//     node devp2p.mjs ENODE PORT [SECONDS]
//
// It dials ENODE, and with another key it listens on 127.0.0.1:PORT until the node dials it: that address is printed as
// "# enode ..." for whoever tells the node. Checked on each connection: the handshake, Hello, the capability shh/6, Snappy, a
// Ping of theirs and one of ours, the whisper Status both ways. Prints TAP; ends with 0 if all is well, 1 if not. SECONDS (60) is
// what any one wait may take.
import { randomBytes } from 'node:crypto'
import { RLPx } from '@ethereumjs/devp2p'
import { RLP } from '@ethereumjs/rlp'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@ethereumjs/util'
import snappy from 'snappyjs'

const [enode, portText, secondsText = '60'] = process.argv.slice(2)
const parts = /^enode:\/\/([0-9a-f]{128})@([0-9.]+):(\d+)/.exec(enode ?? '')
if (!parts || !/^\d+$/.test(portText ?? '')) {
  console.error('usage: node devp2p.mjs enode://KEY@127.0.0.1:PORT LISTEN_PORT [SECONDS]')
  process.exit(2)
}
const target = { id: hexToBytes('0x' + parts[1]), address: parts[2], tcpPort: Number(parts[3]) }
const patience = Number(secondsText) * 1000

let tests = 0
let failed = 0
function ok(good, name, note) {
  tests++
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} ${tests} - ${name}${good || note === undefined ? '' : ` # ${note}`}`)
  return good
}
function same(got, want, name) {
  return ok(JSON.stringify(got) === JSON.stringify(want), name, `got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

// A promise with a name and a deadline; the timer is the only thing that ends a wait for something that does not come.
function soon(name) {
  let settle, fail
  const promise = new Promise((resolve, reject) => { settle = resolve; fail = reject })
  promise.catch(() => {})
  return {
    settle,
    fail,
    wait(ms = patience) {
      const timer = setTimeout(() => fail(new Error(`${name}: nothing within ${ms / 1000} s`)), ms)
      return promise.finally(() => clearTimeout(timer))
    },
  }
}

// Whisper with its library's eyes: what arrives is inflated already, what leaves is not yet deflated.
const STATUS = 0, MESSAGES = 1
const statusPayload = RLP.encode([6, hexToBytes('0x3fc999999999999a'), new Uint8Array(0), new Uint8Array(0)])
class Whisper {
  constructor(version, peer, send) {
    this.status = soon('Status')
    this.raw = (code, bytes) => send(code, peer.getHelloMessage().protocolVersion >= 5 ? snappy.compress(bytes) : bytes)
    setImmediate(() => this.raw(STATUS, statusPayload))
  }
  _handleMessage(code, bytes) {
    if (code === STATUS) this.status.settle(bytes)
  }
}

function makePeer(listenPort) {
  const rlpx = new RLPx(randomBytes(32), {
    capabilities: [{ name: 'shh', version: 6, length: 128, constructor: Whisper }],
    clientId: utf8ToBytes('interop/1'),
    listenPort,
    timeout: 10000,
  })
  const added = soon('peer:added')
  const removed = soon('peer:removed')
  rlpx.events.on('peer:added', (peer) => added.settle(peer))
  rlpx.events.on('peer:removed', (peer, reason, byUs) => {
    removed.settle({ reason, byUs })
    added.fail(new Error(`removed before it was added: reason ${reason}, by ${byUs ? 'us' : 'them'}`))
  })
  rlpx.events.on('peer:error', (_peer, error) => added.fail(error))
  rlpx.events.on('error', (error) => added.fail(error))
  return { rlpx, added, removed }
}

function checkStatus(bytes, way) {
  const list = RLP.decode(bytes)
  if (!ok(Array.isArray(list) && list.length >= 1, `${way}: Status is a list`)) return
  same(bytesToHex(list[0]), '0x06', `${way}: Status says version 6`)
  ok(list.length < 2 || list[1].length <= 8, `${way}: its work fits into 64 bits`)
  ok(list.length < 3 || list[2].length === 0 || list[2].length === 64, `${way}: its bloom is empty or 64 bytes`)
}

async function checkPeer(peer, way) {
  const pong = soon('Pong'), ping = soon('Ping')
  const onPong = peer._handlePong.bind(peer), onPing = peer._handlePing.bind(peer)
  peer._handlePong = () => { onPong(); pong.settle() }
  peer._handlePing = () => { onPing(); ping.settle() }

  const hello = peer.getHelloMessage()
  same(hello.protocolVersion, 5, `${way}: p2p version`)
  same(hello.clientId, 'sotto/1', `${way}: client id tells no more than its name`)
  ok(hello.capabilities.some((c) => c.name === 'shh' && c.version === 6), `${way}: offers shh/6`)
  same(bytesToHex(hello.id), bytesToHex(target.id), `${way}: Hello has the key of the handshake`)

  const whisper = peer.getProtocols()[0]
  checkStatus(await whisper.status.wait(), way)
  peer._sendPing()
  await pong.wait()
  ok(true, `${way}: answers a compressed Ping`)
  whisper.raw(MESSAGES, RLP.encode([]))               // an empty list of envelopes is a valid packet
  clearInterval(peer._pingIntervalId)                 // from here on we are silent, so the node must ask
  await ping.wait(20000)
  ok(true, `${way}: sends a Ping after 15 s of silence`)
  peer._sendPing()
  await pong.wait()
}

async function closed(peer, removed, way) {
  peer.disconnect(0x08)                               // it leaves as a bare, plain integer: both are tolerated
  await removed.wait()
  ok(true, `${way}: takes a Disconnect`)
}

async function weDial(way) {
  const { rlpx, added, removed } = makePeer(null)
  try {
    await rlpx.connect(target)
    const peer = await added.wait()
    ok(true, `${way}: handshake and Hello`)
    await checkPeer(peer, way)
    await closed(peer, removed, way)
  } finally {
    rlpx.destroy()
  }
}

async function theyDial(way) {
  const port = Number(portText)
  const { rlpx, added, removed } = makePeer(port)
  try {
    rlpx.listen(port, '127.0.0.1')
    console.log(`# enode enode://${bytesToHex(rlpx.id).slice(2)}@127.0.0.1:${port}`)
    const peer = await added.wait()
    ok(true, `${way}: handshake and Hello`)
    await checkPeer(peer, way)
    await closed(peer, removed, way)
  } finally {
    rlpx.destroy()
  }
}

console.log('TAP version 13')
// Side by side, since most of the time goes into waiting for the node's Ping.
await Promise.all([['we dial', weDial], ['they dial', theyDial]].map(async ([way, run]) => {
  try {
    await run(way)
  } catch (error) {
    ok(false, way, error?.message ?? String(error))
  }
}))
console.log(`1..${tests}`)
console.log(failed === 0 ? '# all well' : `# ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
