// web3-shh as it is published, unmodified, against two nodes: every call it wraps, a subscription, polling, and its callbacks.
//     node web3.js URL_A ENODE_A URL_B ENODE_B SECONDS
// The first subscribes, so its address is one of a WebSocket, or the path of a unix socket. Prints a line for each part; status 0 = all of it held.
"use strict";
const assert = require("assert");
const net = require("net");
const Shh = require("web3-shh");

const [, , urlA, enodeA, urlB, enodeB, seconds] = process.argv;
const topic = "0x07678231";
const late = setTimeout(() => { console.error("too late"); process.exit(1); }, seconds * 1000);

async function fails(promise, text) {
  await assert.rejects(promise, (error) => error.message === "Returned error: " + text || assert.fail(error.message + " instead of " + text));
}

async function poll(shh, filter, count) {
  const got = [];
  while (got.length < count) {
    got.push(...await shh.getFilterMessages(filter));
    await new Promise((done) => setTimeout(done, 50));      // as its users poll
  }
  return got;
}

// What holds for the whole node and all who use it is not for a token of this scope alone.
async function limits(shh, url) {
  if (url.includes("/k/")) {
    for (const call of [() => shh.setMaxMessageSize(1048576), () => shh.setMinPoW(0.2)]) await assert.rejects(call(), /You may not do this here: shh_set\w+ needs a\./);
    return;
  }
  assert.strictEqual(await shh.setMaxMessageSize(1048576), true);
  assert.strictEqual(await shh.setMinPoW(0.2), true);
  await fails(shh.setMaxMessageSize(10485761), "message size too large [10485761>10485760]");
}

async function keys(shh, url) {
  assert.strictEqual(await shh.getVersion(), "6.0");
  assert.deepStrictEqual(Object.keys(await shh.getInfo()).sort(), ["maxMessageSize", "memory", "messages", "minPow"]);
  await limits(shh, url);
  const pair = await shh.newKeyPair();
  const secret = await shh.getPrivateKey(pair);
  const again = await shh.addPrivateKey(secret);
  assert.strictEqual(await shh.getPublicKey(again), await shh.getPublicKey(pair));
  assert.strictEqual(await shh.hasKeyPair(pair), true);
  assert.strictEqual(await shh.deleteKeyPair(pair), true);
  assert.strictEqual(await shh.hasKeyPair(pair), false);
  const sym = await shh.newSymKey();
  assert.strictEqual(await shh.hasSymKey(await shh.addSymKey(await shh.getSymKey(sym))), true);
  assert.strictEqual(await shh.getSymKey(await shh.generateSymKeyFromPassword("test")), "0xa82a520aff70f7a989098376e48ec128f25f767085e84d7fb995a9815eebff0a");
  assert.strictEqual(await shh.deleteSymKey(sym), true);
  await fails(shh.getSymKey(sym), "non-existent key ID");
  console.log("keys");
}

async function messages(a, b) {
  const symB = await b.generateSymKeyFromPassword("together"), symA = await a.generateSymKeyFromPassword("together");
  const pairA = await a.newKeyPair(), signer = await b.newKeyPair();
  const to = await a.getPublicKey(pairA), by = await b.getPublicKey(signer);
  const filter = await a.newMessageFilter({ symKeyID: symA, topics: [topic], minPow: 0.2, sig: by });
  const pushed = [];
  const subscription = a.subscribe("messages", { privateKeyID: pairA });
  const began = new Promise((done, failed) => { subscription.on("connected", done); subscription.on("error", failed); });
  const came = new Promise((done) => subscription.on("data", (message) => { pushed.push(message); if (pushed.length === 2) done(); }));
  assert.match(await began, /^0x[0-9a-f]+$/);
  const common = { ttl: 60, topic, powTime: 20, powTarget: 0.2 };
  const hash = await b.post({ ...common, symKeyID: symB, sig: signer, payload: "0xffffffdddddd1122" });
  assert.match(hash, /^0x[0-9a-f]{64}$/);
  const [polled] = await poll(a, filter, 1);
  assert.deepStrictEqual([polled.hash, polled.payload, polled.sig, polled.topic, polled.ttl, typeof polled.pow, typeof polled.timestamp],
    [hash, "0xffffffdddddd1122", by, topic, 60, "number", "number"]);
  assert.strictEqual("recipientPublicKey" in polled, false);
  await b.post({ ...common, pubKey: to, payload: "0x01" });
  await new Promise((done, failed) => b.post({ ...common, pubKey: to, payload: "0x02" }, (error) => error ? failed(error) : done()));
  await came;
  assert.deepStrictEqual(pushed.map((m) => m.payload).sort(), ["0x01", "0x02"]);
  assert.ok(pushed.every((m) => m.recipientPublicKey === to && !("sig" in m)));
  assert.strictEqual(await new Promise((done, failed) => subscription.unsubscribe((error, ended) => error ? failed(error) : done(ended))), true);
  await fails(b.post({ ...common, payload: "0x01" }), "specify either a symmetric or an asymmetric key");
  await fails(b.post({ ...common, pubKey: to, powTime: 0 }), "failed to reach the PoW target, specified pow time (0 seconds) was insufficient");
  await assert.rejects(new Promise((done, failed) => a.subscribe("messages", { symKeyID: symA }, (error) => error ? failed(error) : done())), /missing topic\(s\)/);
  assert.strictEqual(await a.deleteMessageFilter(filter), true);
  await fails(a.getFilterMessages(filter), "filter not found");
  const direct = await a.newMessageFilter({ symKeyID: symA, topics: [topic], allowP2P: true });
  assert.strictEqual(await a.markTrustedPeer(enodeB), true);
  await b.post({ ...common, symKeyID: symB, powTarget: 0, payload: "0x0d", targetPeer: enodeA });
  assert.strictEqual((await poll(a, direct, 1))[0].payload, "0x0d");
  console.log("messages");
}

// Over a unix socket the library writes no line end, and calls of one moment in one piece.
async function together(shh) {
  const had = await Promise.all(Array.from({ length: 50 }, () => shh.newSymKey()));
  assert.strictEqual(new Set(had).size, 50);
  assert.deepStrictEqual(await Promise.all(had.map((id) => shh.deleteSymKey(id))), had.map(() => true));
}

async function main() {
  const open = (url) => url.startsWith("/") ? new Shh(url, net) : new Shh(url);      // as every program that takes only an address
  const a = open(urlA), b = open(urlB);
  await keys(a, urlA);
  await keys(b, urlB);
  await together(a);
  await messages(a, b);
  clearTimeout(late);
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
