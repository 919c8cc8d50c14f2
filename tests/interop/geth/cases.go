// The table of misbehaviour: whisper-v6.md 2, 3, 4, 6, 7, 9 and devp2p.md 5-7, a line each. The slow ones come first.
package main

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/rlp"
	"github.com/golang/snappy"
)

type hostileCase struct {
	name string
	run  func(a *attack) error
}

// casesWith returns those whose names hold word, or that are named in only.
func casesWith(word string, only []string) []hostileCase {
	named := make(map[string]bool)
	for _, name := range only {
		named[name] = true
	}
	var out []hostileCase
	for _, group := range [][]hostileCase{slowCases, keyCases, helloCases, frameCases, statusCases, updateCases, messageCases} {
		for _, c := range group {
			if named[c.name] || len(only) == 0 && strings.Contains(c.name, word) {
				out = append(out, c)
			}
		}
	}
	return out
}

func shortList(items ...interface{}) []byte { return encoded(items) }

func keepSilent(a *attack) error { return a.tcp() }

func noStatus(a *attack) error {
	if err := a.greet(); err != nil {
		return err
	}
	a.quiet = true
	// Eleven seconds of honest Pings but no Status.
	until := time.Now().Add(11 * time.Second)
	_ = a.fd.SetReadDeadline(until)
	for {
		code, payload, err := a.read()
		if isTimeout(err) {
			_ = a.fd.SetDeadline(time.Now().Add(a.scene.patient))
			return a.send(codePing, []byte{0xc0})
		}
		if err != nil {
			return err
		}
		if code == codeDisconnect {
			return disconnected{reasonOf(payload)}
		}
	}
}

var slowCases = []hostileCase{
	{"status: never", noStatus},
	{"keys: nothing is said", keepSilent},
	{"keys: half an auth packet", func(a *attack) error {
		if err := a.tcp(); err != nil {
			return err
		}
		auth, err := a.goodAuth(4)
		if err == nil {
			err = a.sendAuth(auth[:200])
		}
		return err
	}},
	{"hello: none", func(a *attack) error { return a.keyed() }},
}

// auth sends an auth packet that make chose and goes on to a Status if an ack comes.
func auth(old bool, make func(a *attack) ([]byte, error)) func(a *attack) error {
	return func(a *attack) error {
		if err := a.tcp(); err != nil {
			return err
		}
		packet, err := make(a)
		if err == nil {
			err = a.sendAuth(packet)
		}
		if err == nil {
			err = a.readAck(old)
		}
		if err != nil {
			return err
		}
		a.framed = true
		if err = a.hellos(); err == nil {
			a.greeted = true
			err = a.send(shhStatus, goodStatus)
		}
		return err
	}
}

var keyCases = []hostileCase{
	{"keys: auth of another version with more elements", auth(false, func(a *attack) ([]byte, error) { return a.goodAuth(56, uint(1), "two", []uint{3, 4}) })},
	{"keys: auth of before EIP-8", auth(true, func(a *attack) ([]byte, error) { return a.sealOldAuth() })},
	{"keys: 307 zero bytes", auth(false, func(a *attack) ([]byte, error) { return make([]byte, 307), nil })},
	{"keys: one bit of auth is wrong", auth(false, func(a *attack) ([]byte, error) {
		packet, err := a.goodAuth(4)
		if err == nil {
			packet[300] ^= 1
		}
		return packet, err
	})},
	{"keys: auth is no list", auth(false, func(a *attack) ([]byte, error) { return a.sealAuth(noise(200)) })},
	{"keys: auth with a signature of zeros", auth(false, func(a *attack) ([]byte, error) {
		return a.sealAuth([]interface{}{make([]byte, 65), pub64(&a.key.PublicKey), a.nonce, uint(4)})
	})},
	{"keys: auth with a key that is no point", auth(false, func(a *attack) ([]byte, error) {
		sig, err := a.signature()
		if err != nil {
			return nil, err
		}
		return a.sealAuth([]interface{}{sig, bytes.Repeat([]byte{7}, 64), a.nonce, uint(4)})
	})},
	{"keys: auth with three elements", auth(false, func(a *attack) ([]byte, error) {
		sig, err := a.signature()
		if err != nil {
			return nil, err
		}
		return a.sealAuth([]interface{}{sig, pub64(&a.key.PublicKey), a.nonce})
	})},
}

// greeting sends a Hello that change spoiled, then a Status.
func greeting(change func(a *attack, h *hello)) func(a *attack) error {
	return func(a *attack) error {
		if err := a.keyed(); err != nil {
			return err
		}
		h := goodHello(a.wire)
		change(a, &h)
		if err := a.sendPlain(codeHello, encoded(h)); err != nil {
			return err
		}
		if _, err := a.readHello(h.Version); err != nil {
			return err
		}
		a.greeted = true
		return a.send(shhStatus, goodStatus)
	}
}

// firstMessage sends something as the first message and waits for their Hello.
func firstMessage(code uint64, payload []byte) func(a *attack) error {
	return func(a *attack) error {
		if err := a.keyed(); err != nil {
			return err
		}
		return a.sendPlain(code, payload)
	}
}

func version(v uint64) func(a *attack) error {
	return greeting(func(_ *attack, h *hello) { h.Version = v })
}
func caps(c ...capability) func(a *attack) error {
	return greeting(func(_ *attack, h *hello) { h.Caps = c })
}
func helloKey(key func(own []byte) []byte) func(a *attack) error {
	return greeting(func(_ *attack, h *hello) { h.Key = key(h.Key) })
}

// ofSize stretches the client's name.
func ofSize(bytes int) func(a *attack) error {
	return greeting(func(_ *attack, h *hello) {
		for len(encoded(*h)) < bytes {
			h.Client += "x"
		}
	})
}

// afterStatus sends one packet on a connection that is all in order.
func afterStatus(code uint64, payload []byte) func(a *attack) error {
	return func(a *attack) error {
		if err := a.up(); err != nil {
			return err
		}
		return a.send(code, payload)
	}
}

var helloCases = []hostileCase{
	{"hello: p2p version 4", version(4)},
	{"hello: p2p version 0", version(0)},
	{"hello: p2p version 55", version(55)},
	{"hello: more elements", greeting(func(_ *attack, h *hello) { h.Rest = []rlp.RawValue{encoded("more"), encoded([]uint{1, 2})} })},
	{"hello: the capability twice", caps(capability{"shh", 6}, capability{"shh", 6})},
	{"hello: other capabilities beside it", caps(capability{"aaa", 1}, capability{"shh", 5}, capability{"shh", 6}, capability{"zzz", 9})},
	{"hello: no capability", caps()},
	{"hello: none in common", caps(capability{"eth", 65})},
	{"hello: shh/5 only", caps(capability{"shh", 5})},
	{"hello: shh/7 only", caps(capability{"shh", 7})},
	{"hello: a key of zeros", helloKey(func([]byte) []byte { return make([]byte, 64) })},
	{"hello: a key of 63 bytes", helloKey(func(own []byte) []byte { return own[:63] })},
	{"hello: a key of 65 bytes", helloKey(func(own []byte) []byte { return append([]byte{4}, own...) })},
	{"hello: not the proven key", helloKey(func(own []byte) []byte { return append(own[:63:63], own[63]^1) })},
	{"hello: 2,048 bytes", ofSize(2048)},
	{"hello: 2,049 bytes", ofSize(2049)},
	{"hello: a mebibyte of capabilities", greeting(func(_ *attack, h *hello) { h.Caps = append(h.Caps, capability{strings.Repeat("x", 1<<20), 1}) })},
	{"hello: no RLP", firstMessage(codeHello, []byte{0xf9, 1, 2, 3})},
	{"hello: an empty list", firstMessage(codeHello, []byte{0xc0})},
	{"hello: a string", firstMessage(codeHello, encoded("hello"))},
	{"hello: without a key", func(a *attack) error {
		return firstMessage(codeHello, shortList(uint(5), "interop/1", []capability{{"shh", 6}}, uint(0)))(a)
	}},
	{"hello: a Ping instead", firstMessage(codePing, []byte{0xc0})},
	{"hello: a Status instead", firstMessage(shhStatus, goodStatus)},
	{"hello: a Disconnect instead", firstMessage(codeDisconnect, shortList(uint(8)))},
	{"hello: a second one", func(a *attack) error {
		if err := a.up(); err != nil {
			return err
		}
		return a.send(codeHello, encoded(goodHello(a.wire)))
	}},
	{"hello: a second one that is none", afterStatus(codeHello, noise(100))},
	{"hello: the same node again", func(a *attack) error {
		if err := a.up(); err != nil {
			return err
		}
		first := a.wire
		second, err := dialTCP(a.scene.target, first.key)
		if err != nil {
			return err
		}
		_ = second.fd.SetDeadline(time.Now().Add(a.scene.patient))
		a.wire, a.greeted, a.framed = second, false, false
		defer first.close()
		err = second.keys()
		if err == nil {
			a.framed = true
			err = second.hellos()
		}
		return err
	}},
}

// afterUp sends bytes of the case's own making on a connection that is all in order.
func afterUp(do func(a *attack) error) func(a *attack) error {
	return func(a *attack) error {
		if err := a.up(); err != nil {
			return err
		}
		return do(a)
	}
}

func plain(code uint64, payload []byte) func(a *attack) error {
	return afterUp(func(a *attack) error { return a.sendPlain(code, payload) })
}

func flipped(at int) func(a *attack) error {
	return afterUp(func(a *attack) error {
		f := a.frame([]byte{codePing, 1, 0, 0xc0})
		f[at] ^= 1
		_, err := a.fd.Write(f)
		return err
	})
}

func content(bytes ...byte) func(a *attack) error {
	return afterUp(func(a *attack) error { return a.sendFrame(bytes) })
}

var frameCases = []hostileCase{
	{"frame: wrong header MAC", flipped(16)},
	{"frame: wrong body", flipped(32)},
	{"frame: wrong body MAC", flipped(60)},
	{"frame: empty", content()},
	{"frame: a code with a zero before it", content(0x81, 0x05, 0x01, 0x00, 0xc0)},
	{"frame: a code of two bytes with a zero before it", content(0x82, 0x00, 0x90, 0x01, 0x00, 0xc0)},
	{"frame: a list for a code", content(0xc1, 0x02, 0x01, 0x00, 0xc0)},
	{"frame: a code of nine bytes", content(0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
	{"frame: code 0x90, after the last", afterStatus(0x90, []byte{0xc0})},
	{"frame: code 2^32", afterStatus(1<<32, []byte{0xc0})},
	{"frame: reserved codes", afterUp(func(a *attack) error {
		for code := uint64(4); code < 16; code++ {
			if err := a.send(code, noise(20)); err != nil {
				return err
			}
		}
		return nil
	})},
	{"frame: a Ping with something in it", afterStatus(codePing, noise(100))},
	{"frame: no Snappy block", plain(shhMessages, []byte{0xc0})},
	{"frame: an empty payload instead of a block", plain(shhMessages, nil)},
	{"frame: a block that ends too early", plain(shhMessages, []byte{0x20, 0x7c, 1, 2, 3})},
	{"frame: a block of 16 MiB in three bytes", plain(shhMessages, []byte{0x80, 0x80, 0x80, 0x08, 0x00, 0xc0})},
	{"frame: Disconnect", afterStatus(codeDisconnect, shortList(uint(8)))},
	{"frame: Disconnect as a bare number", afterStatus(codeDisconnect, []byte{8})},
	{"frame: Disconnect that is none", afterStatus(codeDisconnect, append([]byte{0xff}, noise(29)...))},
}

func status(raw []byte) func(a *attack) error { return func(a *attack) error { return a.status(raw) } }

func statusOf(items ...interface{}) func(a *attack) error { return status(shortList(items...)) }

// before sends something where Status should be.
func before(code uint64, payload []byte) func(a *attack) error {
	return func(a *attack) error {
		if err := a.greet(); err != nil {
			return err
		}
		return a.send(code, payload)
	}
}

var (
	nothing = []byte{}
	ones    = bytes.Repeat([]byte{0xff}, 64)
	list    = []uint{}
	point2  = math.Float64bits(0.2)
)

var statusCases = []hostileCase{
	{"status: good", status(goodStatus)},
	{"status: version alone", statusOf(uint(6))},
	{"status: version 5", statusOf(uint(5), point2, nothing, false)},
	{"status: version 7", statusOf(uint(7), point2, nothing, false)},
	{"status: version in a list", statusOf([]uint{6}, point2, nothing, false)},
	{"status: an empty list", statusOf()},
	{"status: no list", status(encoded("status"))},
	{"status: an empty payload", status(nil)},
	{"status: no RLP", status([]byte{0xf9, 9, 9, 9})},
	{"status: more elements, and bytes after it", status(append(shortList(uint(6), point2, nothing, false, "more", []uint{1}), 1, 2, 3))},
	{"status: work is infinite", statusOf(uint(6), math.Float64bits(math.Inf(1)), nothing, false)},
	{"status: work is no number", statusOf(uint(6), math.Float64bits(math.NaN()), nothing, false)},
	{"status: work is negative", statusOf(uint(6), math.Float64bits(-1), nothing, false)},
	{"status: work is minus zero", statusOf(uint(6), math.Float64bits(math.Copysign(0, -1)), nothing, false)},
	{"status: work of nine bytes", statusOf(uint(6), noise(9), nothing, false)},
	{"status: work in a list", statusOf(uint(6), list, nothing, false)},
	{"status: work in a list and a bloom of ten bytes", statusOf(uint(6), list, noise(10), false)},
	{"status: bloom of ten bytes", statusOf(uint(6), point2, noise(10), false)},
	{"status: bloom of 63 bytes", statusOf(uint(6), point2, noise(63), false)},
	{"status: bloom of 65 bytes", statusOf(uint(6), point2, noise(65), false)},
	{"status: bloom of 64 bytes", statusOf(uint(6), point2, ones, false)},
	{"status: bloom is a list", statusOf(uint(6), point2, list, false)},
	{"status: light", statusOf(uint(6), point2, nothing, true)},
	{"status: light is seven", statusOf(uint(6), point2, nothing, uint(7))},
	{"status: Messages before it", before(shhMessages, []byte{0xc0})},
	{"status: work before it", before(shhPow, encoded(point2))},
	{"status: an unknown code before it", before(shhUnknown, []byte{0xc0})},
	{"status: a second one", afterStatus(shhStatus, goodStatus)},
	{"status: a second one of another version", afterStatus(shhStatus, shortList(uint(5)))},
	{"status: a second one that is none", afterStatus(shhStatus, noise(50))},
}

var updateCases = []hostileCase{
	{"work: 0.5", afterStatus(shhPow, encoded(math.Float64bits(0.5)))},
	{"work: zero", afterStatus(shhPow, encoded(uint(0)))},
	{"work: minus zero", afterStatus(shhPow, encoded(math.Float64bits(math.Copysign(0, -1))))},
	{"work: infinite", afterStatus(shhPow, encoded(math.Float64bits(math.Inf(1))))},
	{"work: minus infinite", afterStatus(shhPow, encoded(math.Float64bits(math.Inf(-1))))},
	{"work: no number", afterStatus(shhPow, encoded(math.Float64bits(math.NaN())))},
	{"work: negative", afterStatus(shhPow, encoded(math.Float64bits(-0.5)))},
	{"work: a zero before it", afterStatus(shhPow, []byte{0x82, 0x00, 0x90})},
	{"work: nine bytes", afterStatus(shhPow, encoded(noise(9)))},
	{"work: in a list", afterStatus(shhPow, shortList(point2))},
	{"work: an empty payload", afterStatus(shhPow, nil)},
	{"work: bytes after it", afterStatus(shhPow, append(encoded(point2), noise(9)...))},
	{"bloom: 64 bytes", afterStatus(shhBloom, encoded(ones))},
	{"bloom: empty", afterStatus(shhBloom, encoded(nothing))},
	{"bloom: 63 bytes", afterStatus(shhBloom, encoded(noise(63)))},
	{"bloom: 65 bytes", afterStatus(shhBloom, encoded(noise(65)))},
	{"bloom: in a list", afterStatus(shhBloom, shortList(ones))},
	{"bloom: an empty payload", afterStatus(shhBloom, nil)},
	{"bloom: bytes after it", afterStatus(shhBloom, append(encoded(ones), noise(9)...))},
	{"codes: all that mean nothing", afterUp(func(a *attack) error {
		for code := uint64(shhStatus + 4); code < shhRequest; code++ {
			if err := a.send(code, noise(10)); err != nil {
				return err
			}
		}
		return nil
	})},
	{"codes: a request, nobody keeps mail", afterStatus(shhRequest, noise(50))},
	{"codes: a direct message from nobody trusted, junk", afterStatus(shhDirect, noise(50))},
	{"codes: a direct message from nobody trusted", afterUp(func(a *attack) error {
		e := freshEnvelope(50, 64)
		a.watched = append(a.watched, e.hash())
		return a.send(shhDirect, e.raw())
	})},
}

const lasting = 300 // seconds that envelopes live whose time does not matter

// unwatched sends one envelope made now. Whether it is passed on depends on the second it comes in.
func unwatched(make func() *envelope) func(a *attack) error {
	return func(a *attack) error {
		raw := packet(make()) // its work is done before anybody waits
		if err := a.up(); err != nil {
			return err
		}
		return a.send(shhMessages, raw)
	}
}

// brings sends one envelope made now and looks for it afterwards.
func brings(make func() *envelope) func(a *attack) error {
	return func(a *attack) error {
		e := make()
		if err := a.up(); err != nil {
			return err
		}
		return a.bring(e)
	}
}

// spoiled replaces element at of a good envelope, and puts another good one before it that must not be taken.
func spoiled(at int, by rlp.RawValue) func(a *attack) error {
	return spoiling(func(fields []rlp.RawValue) rlp.RawValue {
		fields[at] = by
		return encoded(fields)
	})
}

func spoiling(spoil func(fields []rlp.RawValue) rlp.RawValue) func(a *attack) error {
	return afterUp(func(a *attack) error {
		good := freshEnvelope(lasting, 64).paid()
		a.watched = append(a.watched, good.hash())
		return a.send(shhMessages, encoded([]rlp.RawValue{good.raw(), spoil(freshEnvelope(lasting, 64).paid().fields())}))
	})
}

// born makes an envelope whose birth lies so many seconds after now; until then it is rated as if it lived longer.
func born(seconds, ttl uint32) *envelope {
	e := freshEnvelope(ttl, 1)
	e.Expiry += seconds
	return e.work(0.2*float64(ttl+seconds+1)/float64(ttl), math.Inf(1))
}

func expired(seconds uint32) *envelope {
	e := freshEnvelope(50, 40)
	e.Expiry = unixNow() - seconds
	return e.paid()
}

var messageCases = []hostileCase{
	{"messages: one", brings(func() *envelope { return freshEnvelope(lasting, 64).paid() })},
	{"messages: one, twice in a packet and again in the next", afterUp(func(a *attack) error {
		e := freshEnvelope(lasting, 64).paid()
		a.watched = append(a.watched, e.hash())
		if err := a.send(shhMessages, packet(e, e)); err != nil {
			return err
		}
		return a.send(shhMessages, packet(e))
	})},
	{"messages: no data", brings(func() *envelope { return freshEnvelope(lasting, 0).paid() })},
	{"messages: an empty list", afterStatus(shhMessages, []byte{0xc0})},
	{"messages: an empty payload", afterStatus(shhMessages, nil)},
	{"messages: a string", afterStatus(shhMessages, encoded("messages"))},
	{"messages: no RLP", afterStatus(shhMessages, []byte{0xf9, 0xff, 0xff, 1})},
	{"messages: lists in lists in lists", afterStatus(shhMessages, bytes.Repeat([]byte{0xc1}, 3000))},
	{"messages: bytes after the list", afterUp(func(a *attack) error {
		e := freshEnvelope(lasting, 64).paid()
		a.watched = append(a.watched, e.hash())
		return a.send(shhMessages, append(packet(e), noise(20)...))
	})},
	{"messages: four elements", spoiling(func(f []rlp.RawValue) rlp.RawValue { return encoded(f[:4]) })},
	{"messages: six elements", spoiling(func(f []rlp.RawValue) rlp.RawValue { return encoded(append(f, encoded(uint(1)))) })},
	{"messages: an empty string for an envelope", spoiling(func([]rlp.RawValue) rlp.RawValue { return rlp.RawValue{0x80} })},
	{"messages: an empty list for an envelope", spoiling(func([]rlp.RawValue) rlp.RawValue { return rlp.RawValue{0xc0} })},
	{"messages: expiry of five bytes", spoiled(0, encoded(uint64(1)<<33))},
	{"messages: expiry with a zero before it", spoiled(0, rlp.RawValue{0x85, 0, 0x60, 1, 2, 3})},
	{"messages: ttl of five bytes", spoiled(1, encoded(uint64(1)<<33))},
	{"messages: ttl is a zero byte", spoiled(1, rlp.RawValue{0x00})},
	{"messages: topic of three bytes", spoiled(2, encoded(noise(3)))},
	{"messages: topic of five bytes", spoiled(2, encoded(noise(5)))},
	{"messages: data is a list", spoiled(3, rlp.RawValue{0xc0})},
	{"messages: nonce of nine bytes", spoiled(4, encoded(append([]byte{1}, make([]byte, 8)...)))},
	{"messages: nonce is a list", spoiled(4, rlp.RawValue{0xc0})},
	{"messages: a string in the long form", spoiled(3, append(rlp.RawValue{0xb8, 3}, noise(3)...))},
	{"messages: too little work", brings(func() *envelope { return freshEnvelope(3600, 64).work(0, 0.01) })},
	{"messages: a good one after too little work", afterUp(func(a *attack) error {
		good := freshEnvelope(lasting, 64).paid()
		a.watched = append(a.watched, good.hash())
		return a.send(shhMessages, packet(freshEnvelope(3600, 64).work(0, 0.01), good))
	})},
	{"messages: born in 4 s", brings(func() *envelope { return born(4, lasting) })},
	{"messages: born in 9 s", unwatched(func() *envelope { return born(9, lasting) })},
	{"messages: born in two minutes", brings(func() *envelope { return born(120, lasting) })},
	{"messages: expired 3 s ago", brings(func() *envelope { return expired(3) })},
	{"messages: expired a minute ago", brings(func() *envelope { return expired(60) })},
	{"messages: lives for no second", unwatched(func() *envelope { return freshEnvelope(0, 40).paid() })},
	{"messages: lives for a day", brings(func() *envelope { return born(0, 86400) })},
	{"messages: lives for more than a day", brings(func() *envelope { return born(0, 90000) })},
	{"messages: lives from before 1970", brings(func() *envelope {
		e := freshEnvelope(50, 40)
		e.TTL = e.Expiry + 1000
		return e
	})},
	{"messages: its life wraps to the next seconds", unwatched(func() *envelope {
		e := freshEnvelope(9, 20)
		e.TTL = math.MaxUint32
		late := e.Expiry - e.TTL - unixNow() + 1
		e.Nonce = wrapped(e, e.TTL+late)
		return e
	})},
	{"size: a packet of 1,048,576 bytes", afterStatus(shhUnknown, make([]byte, 1<<20))},
	{"size: a packet of 1,048,577 bytes", afterStatus(shhUnknown, make([]byte, 1<<20+1))},
	{"size: a packet of 10,485,761 bytes", afterStatus(shhUnknown, make([]byte, 10<<20+1))},
	{"size: a block that says 10,485,761 bytes and holds one", afterUp(func(a *attack) error {
		return a.sendPlain(shhUnknown, append([]byte{0x81, 0x80, 0x80, 0x05}, snappy.Encode(nil, []byte{1})[1:]...))
	})},
	{"size: an envelope of a mebibyte", afterUp(func(a *attack) error {
		e := freshEnvelope(50, 1<<20)
		a.watched = append(a.watched, e.hash())
		return a.send(shhMessages, packet(e))
	})},
}

// wrapped searches the nonce of an envelope whose ttl and lateness wrap to a divisor of a few seconds.
func wrapped(e *envelope, divisor uint32) uint64 {
	short := e.short()
	for nonce := uint64(0); ; nonce++ {
		if math.Exp2(float64(zeroBits(short, nonce)))/float64(len(short))/float64(divisor) >= 0.4 {
			return nonce
		}
	}
}
