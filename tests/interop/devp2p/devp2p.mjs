// An independent peer, @ethereumjs/devp2p 10.0.0, against a running node, both ways:
//
//     node devp2p.mjs ENODE PORT SECONDS [ENR PORT2]
//
// It dials ENODE, and with another key it listens on 127.0.0.1:PORT until the node dials it: that address is printed as
// "# enode ..." for whoever tells the node. Checked on each connection: the handshake, Hello, the capability shh/6, Snappy, a
// Ping of theirs and one of ours, the whisper Status both ways. Prints TAP; ends with 0 if all is well, 1 if not. SECONDS is what any
// one wait may take.
//
// With ENR, the node's record, discovery v4 as well: one peer knows the node's UDP address, proves its own, finds the node and dials it,
// and is told of the others; another one, with TCP on PORT2, says nothing but Ping and Pong until the node has found and dialled it.
import { randomBytes } from 'node:crypto'
import { DPT, ENR, RLPx } from '@ethereumjs/devp2p'
import { RLP } from '@ethereumjs/rlp'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@ethereumjs/util'
import snappy from 'snappyjs'

const [enode, portText, secondsText, enr, portText2] = process.argv.slice(2)
const parts = /^enode:\/\/([0-9a-f]{128})@([0-9.]+):(\d+)/.exec(enode ?? '')
if (!parts || [portText, secondsText].some((text) => !/^\d+$/.test(text ?? ''))) {
  console.error('usage: node devp2p.mjs enode://KEY@127.0.0.1:PORT LISTEN_PORT SECONDS [ENR LISTEN_PORT2]')
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

function makePeer(listenPort, key = randomBytes(32), dpt = undefined) {
  const rlpx = new RLPx(key, {
    dpt,
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

// Discovery. The library asks nothing by itself here (it would meet its own other half), and knows no records but those of DNS, which
// are of the same form; a request for one is an unknown packet to it.
function makeTable(key, tcpPort) {
  const dpt = new DPT(key, { endpoint: { address: '127.0.0.1', udpPort: null, tcpPort }, shouldFindNeighbours: false, timeout: patience })
  dpt.events.on('error', (error) => { if (!/Invalid type: 5/.test(error?.message)) ok(false, 'discovery', error?.message) })
  dpt.bind(0, '127.0.0.1')
  return dpt
}

// A proof has half a second: on a slow machine one comes too late, so the node gets an occasion for another until it has what it wants.
async function pinging(dpt, promise, also = () => {}) {
  const again = setInterval(() => {
    dpt._server.ping(theirUdp).catch(() => {})
    also()
  }, 1500)
  return promise.finally(() => clearInterval(again))
}

const theirUdp = { address: target.address, udpPort: target.tcpPort, tcpPort: target.tcpPort }
const found = soon('the other peer is in the table')

async function checkFound(peer, way) {
  const hello = peer.getHelloMessage()
  same(bytesToHex(hello.id), bytesToHex(target.id), `${way}: it is the node`)
  checkStatus(await peer.getProtocols()[0].status.wait(), way)
}

async function weFind(way) {
  const key = randomBytes(32)
  const dpt = makeTable(key, null)                    // without a TCP port nobody dials us
  const { rlpx, added, removed } = makePeer(null, key, dpt)
  try {
    const record = ENR.parseAndVerifyRecord(enr)
    same(record, { address: target.address, tcpPort: target.tcpPort, udpPort: target.tcpPort }, `${way}: the record is signed and says where`)
    const peer = await dpt.addPeer(record)
    same(bytesToHex(peer.id), bytesToHex(target.id), `${way}: answers a Ping with its key`)
    const connected = await added.wait()
    ok(true, `${way}: handshake and Hello`)
    await checkFound(connected, way)
    const other = await found.wait()
    const told = soon('Neighbors')
    dpt._server.events.on('peers', (peers) => { if (peers.some((p) => p.tcpPort === other)) told.settle(peers) })
    const peers = await pinging(dpt, told.wait(), () => dpt._server.findneighbours(peer, randomBytes(64)))
    ok(peers.every((p) => p.address === '127.0.0.1'), `${way}: tells its neighbours`)
    await closed(connected, removed, way)
  } finally {
    dpt.destroy()
    rlpx.destroy()
  }
}

async function theyFind(way) {
  const port = Number(portText2), key = randomBytes(32)
  const { rlpx, added, removed } = makePeer(port, key)
  const dpt = makeTable(key, port)
  try {
    rlpx.listen(port, '127.0.0.1')
    await dpt.addPeer(theirUdp)
    ok(true, `${way}: Ping and Pong`)
    const peer = await pinging(dpt, added.wait())
    ok(true, `${way}: handshake and Hello`)
    await checkFound(peer, way)
    found.settle(port)
    await pinging(dpt, weHaveFound)
    await closed(peer, removed, way)
  } finally {
    dpt.destroy()
    rlpx.destroy()
  }
}

console.log('TAP version 13')
// Side by side, since most of the time goes into waiting for the node's Ping.
async function safely(way, run) {
  try {
    await run(way)
  } catch (error) {
    ok(false, way, error?.message ?? String(error))
  }
}
const weHaveFound = enr ? safely('we find', weFind) : undefined
await Promise.all([safely('we dial', weDial), safely('they dial', theyDial), ...(enr ? [weHaveFound, safely('they find', theyFind)] : [])])
console.log(`1..${tests}`)
console.log(failed === 0 ? '# all well' : `# ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
