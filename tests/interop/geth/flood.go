// The two ends of the flood bench: one peer that pours envelopes into a node and one that counts what comes out. RLPx and the frames are
// those of geth's p2p package; Whisper's handler is not in the way.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/rlp"
)

const perPacket = 64

// tap is a peer without a pool: what it is told to pour goes out, what comes in is counted.
type tap struct {
	server *p2p.Server
	asks   float64                // its PoW requirement: a source shall not be brought what the other sources pour
	ready  chan p2p.MsgReadWriter // one for each neighbour whose Status came

	lock  sync.Mutex
	seen  map[uint64]int // first bytes of the data, how often
	last  time.Time
	whole chan bool // so many different ones as wanted have come
	want  int
}

// asksNothing is a PoW requirement that no envelope meets.
const asksNothing = 1e300

func newTap(listen bool) (*tap, error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	t := &tap{ready: make(chan p2p.MsgReadWriter, 16), seen: make(map[uint64]int), whole: make(chan bool, 1)}
	t.server = &p2p.Server{Config: p2p.Config{PrivateKey: key, Name: "tap", MaxPeers: 16, NoDiscovery: true,
		Protocols: []p2p.Protocol{{Name: "shh", Version: 6, Length: 128, Run: t.run}}}}
	if listen {
		t.server.ListenAddr = "127.0.0.1:0"
		t.asks = asksNothing
	}
	return t, t.server.Start()
}

func (t *tap) run(_ *p2p.Peer, rw p2p.MsgReadWriter) error {
	if err := p2p.Send(rw, 0, []interface{}{uint64(6), math.Float64bits(t.asks), []byte{}, false}); err != nil {
		return err
	}
	for first := true; ; first = false {
		m, err := rw.ReadMsg()
		if err != nil {
			return err
		}
		payload := make([]byte, m.Size)
		if _, err := io.ReadFull(m.Payload, payload); err != nil {
			return err
		}
		if first {
			t.ready <- rw
		} else if m.Code == 1 {
			if err = t.count(payload); err != nil {
				return err
			}
		}
	}
}

// count looks no further into an envelope than at the number that pour wrote there.
func (t *tap) count(payload []byte) error {
	items, _, err := rlp.SplitList(payload)
	t.lock.Lock()
	defer t.lock.Unlock()
	for err == nil && len(items) > 0 {
		var fields, data []byte
		if fields, items, err = rlp.SplitList(items); err != nil {
			break
		}
		for i := 0; i < 4 && err == nil; i++ {
			_, data, fields, err = rlp.Split(fields)
		}
		if len(data) < 8 {
			return errors.New("an envelope of somebody else")
		}
		t.seen[binary.BigEndian.Uint64(data)]++
	}
	t.last = time.Now()
	if t.want > 0 && len(t.seen) >= t.want {
		t.want = 0 // told once
		t.whole <- true
	}
	return err
}

// neighbour waits for a connection to be ready.
func (t *tap) neighbour() (p2p.MsgReadWriter, error) {
	select {
	case rw := <-t.ready:
		return rw, nil
	case <-time.After(time.Minute):
		return nil, errors.New("no neighbour came within a minute")
	}
}

// pourable makes packets of envelopes without work; each starts its data with its number.
func pourable(from, count, payload int) [][]byte {
	size := (payload+3)/256*256 + 256 + 28 // plain text padded to whole blocks, then tag and nonce
	var packets [][]byte
	for done := 0; done < count; {
		var all []*envelope
		for ; done < count && len(all) < perPacket; done++ {
			e := freshEnvelope(lasting, size)
			binary.BigEndian.PutUint64(e.Data, uint64(from+done))
			all = append(all, e)
		}
		packets = append(packets, packet(all...))
	}
	return packets
}

var taps struct {
	sync.Mutex
	sources []*tap
}

// source {} -> {enode}: one more peer that a node can be told to dial
func source(json.RawMessage) (interface{}, error) {
	t, err := newTap(true)
	if err != nil {
		return nil, err
	}
	taps.Lock()
	taps.sources = append(taps.sources, t)
	taps.Unlock()
	return fields{"enode": t.server.Self().URLv4()}, nil
}

// between connects the sources that were made so far and a sink; the sources are used up. done ends them all.
func between(address string) (sink *tap, lines []p2p.MsgReadWriter, done func(), err error) {
	taps.Lock()
	all := taps.sources
	taps.sources = nil
	taps.Unlock()
	done = func() {
		for _, t := range all {
			t.server.Stop()
		}
	}
	target, err := enode.ParseV4(address)
	if err == nil && len(all) == 0 {
		err = errors.New("no source")
	}
	if err != nil {
		return
	}
	for _, s := range all {
		rw, err := s.neighbour()
		if err != nil {
			return nil, nil, done, err
		}
		lines = append(lines, rw)
	}
	if sink, err = newTap(false); err != nil {
		return
	}
	all = append(all, sink)
	sink.server.AddPeer(target)
	_, err = sink.neighbour()
	return
}

func (t *tap) expect(count int) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.want = count
}

// arrived waits for all that is expected, so many seconds in all and no longer than stalled after the last one.
func (t *tap) arrived(seconds int, failed <-chan error) (err error) {
	const stalled = 20 * time.Second
	end, began := time.After(time.Duration(seconds)*time.Second), time.Now()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for err == nil {
		select {
		case <-t.whole:
			return nil
		case err = <-failed:
		case <-end:
			err = errors.New("too slow")
		case <-look.C:
			t.lock.Lock()
			since := t.last
			t.lock.Unlock()
			if since.Before(began) {
				since = began
			}
			if time.Since(since) > stalled {
				err = errors.New("and then no more")
			}
		}
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	return fmt.Errorf("%d came: %v", len(t.seen), err)
}

func pour(line p2p.MsgReadWriter, packets [][]byte, failed chan<- error) {
	for _, raw := range packets {
		if err := line.WriteMsg(p2p.Msg{Code: 1, Size: uint32(len(raw)), Payload: bytes.NewReader(raw)}); err != nil {
			failed <- err
			return
		}
	}
}

// flood {enode, count, payload, seconds} -> {seconds, arrived, twice}: count envelopes from each source at once, from the first packet that
// leaves to the last envelope that comes out of the node at enode. An error if they do not all come in so many seconds.
func flood(raw json.RawMessage) (interface{}, error) {
	p := struct {
		Enode                   string
		Count, Payload, Seconds int
	}{Seconds: 120}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	sink, lines, done, err := between(p.Enode)
	defer done()
	if err != nil {
		return nil, err
	}
	packets := make([][][]byte, len(lines))
	for i := range lines {
		packets[i] = pourable(i*p.Count, p.Count, p.Payload)
	}
	sink.expect(p.Count * len(lines))
	begun, failed := time.Now(), make(chan error, len(lines))
	for i := range lines {
		go pour(lines[i], packets[i], failed)
	}
	if err = sink.arrived(p.Seconds, failed); err != nil {
		return nil, err
	}
	sink.lock.Lock()
	defer sink.lock.Unlock()
	twice := 0
	for _, times := range sink.seen {
		if times > 1 {
			twice++
		}
	}
	return fields{"seconds": sink.last.Sub(begun).Seconds(), "arrived": len(sink.seen), "twice": twice}, nil
}

// latency {enode, count, payload} -> [seconds]: one envelope after the other from the one source to the sink.
func latency(raw json.RawMessage) (interface{}, error) {
	var p struct {
		Enode          string
		Count, Payload int
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	sink, lines, done, err := between(p.Enode)
	defer done()
	if err != nil {
		return nil, err
	}
	var took []float64
	failed := make(chan error, 1)
	for i := 0; i < p.Count; i++ {
		packets := pourable(i, 1, p.Payload)
		sink.expect(i + 1)
		begun := time.Now()
		pour(lines[0], packets, failed)
		if err = sink.arrived(60, failed); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun).Seconds())
	}
	return took, nil
}
