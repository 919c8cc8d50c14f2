// The peer of the intake bench: what geth v1.9.20 pays for one new envelope of 1 KiB, in process. Its own handler reads Messages packets
// of 64 envelopes from a pipe: decoding, work, hash, pool, and 1,000 subscriptions by topic, none of which wants the envelope.
//
//	geth_bench [packets per run]        prints one JSON object: {"new_us": [...], "duplicate_us": [...]}
//
// Times are processor time of the whole process (its collector of memory included), as the same work is bound to one thread in ours, or
// the time on the clock where that is less.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/log"
	gethnode "github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/rlp"
	whisper "github.com/ethereum/go-ethereum/whisper/whisperv6"
)

const (
	runs          = 7
	perPacket     = 64
	dataSize      = 1024
	ttl           = 1800 // seconds
	subscriptions = 1000
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "geth_bench:", err)
		os.Exit(1)
	}
}

// packet is one Messages packet: its envelopes differ from all others and carry no work (the node under test asks for none).
func packet() []byte {
	type wire struct {
		Expiry, TTL uint32
		Topic       [4]byte
		Data        []byte
		Nonce       uint64
	}
	envelopes := make([]wire, perPacket)
	for i := range envelopes {
		e := &envelopes[i]
		e.Expiry = uint32(time.Now().Unix()) + ttl
		e.TTL = ttl
		e.Data = make([]byte, dataSize)
		_, err := rand.Read(e.Data)
		must(err)
		copy(e.Topic[:], e.Data[:4])
		e.Nonce = binary.BigEndian.Uint64(e.Data[8:]) | 1<<56
	}
	raw, err := rlp.EncodeToBytes(envelopes)
	must(err)
	return raw
}

func processor() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func node() *whisper.Whisper {
	stack, err := gethnode.New(&gethnode.Config{}) // without a data directory: nothing touches the disk, and it is never started
	must(err)
	w, err := whisper.New(stack, &whisper.DefaultConfig)
	must(err)
	w.SetMinimumPowTest(0)
	must(w.Start())
	for i := 0; i < subscriptions; i++ {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		must(err)
		topic := make([]byte, 4)
		_, err = rand.Read(topic)
		must(err)
		_, err = w.Subscribe(&whisper.Filter{KeySym: key, Topics: [][]byte{topic}})
		must(err)
	}
	return w
}

// feed sends the packets and returns microseconds per envelope, counted until the node has taken the last one.
func feed(pipe *p2p.MsgPipeRW, packets [][]byte) float64 {
	begun, used := time.Now(), processor()
	for _, raw := range packets {
		must(pipe.WriteMsg(p2p.Msg{Code: 1, Size: uint32(len(raw)), Payload: bytes.NewReader(raw)}))
	}
	// A code that the handler ignores: when it has been read, everything before it is done.
	must(pipe.WriteMsg(p2p.Msg{Code: 100, Size: 1, Payload: bytes.NewReader([]byte{0x80})}))
	spent, passed := processor()-used, time.Since(begun)
	if passed < spent {
		spent = passed
	}
	return float64(spent.Nanoseconds()) / 1e3 / float64(len(packets)*perPacket)
}

func main() {
	log.Root().SetHandler(log.DiscardHandler())
	count := 40
	if len(os.Args) > 1 {
		n, err := strconv.Atoi(os.Args[1])
		must(err)
		count = n
	}
	var fresh, again []float64
	for run := 0; run <= runs; run++ {
		w := node()
		near, far := p2p.MsgPipe()
		var id enode.ID
		go func() { _ = w.HandlePeer(p2p.NewPeer(id, "bench", nil), far) }()
		status, err := near.ReadMsg()
		must(err)
		must(status.Discard())
		must(p2p.SendItems(near, 0, uint64(6), math.Float64bits(0), []byte{}, false))
		go func() { // its broadcasts, should there be any, do not stop it
			for {
				m, err := near.ReadMsg()
				if err != nil {
					return
				}
				_ = m.Discard()
			}
		}()
		packets := make([][]byte, count)
		for i := range packets {
			packets[i] = packet()
		}
		first, second := feed(near, packets), feed(near, packets)
		if len(w.Envelopes()) != count*perPacket {
			must(fmt.Errorf("%d envelopes were taken of %d", len(w.Envelopes()), count*perPacket))
		}
		if run > 0 { // the first one warms caches and the collector up
			fresh, again = append(fresh, first), append(again, second)
		}
		must(near.Close())
		must(w.Stop())
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string][]float64{"new_us": fresh, "duplicate_us": again}))
}
