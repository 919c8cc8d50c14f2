// Envelopes with any field, valid or not, and the work that makes a node look at the rest of them.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

type envelope struct {
	Expiry, TTL uint32
	Topic       [4]byte
	Data        []byte
	Nonce       uint64
}

func unixNow() uint32 { return uint32(time.Now().Unix()) }

func noise(size int) []byte {
	b := make([]byte, size)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}

// freshEnvelope lives for ttl seconds from now on and differs from all others.
func freshEnvelope(ttl uint32, size int) *envelope {
	e := &envelope{Expiry: unixNow() + ttl, TTL: ttl, Data: noise(size)}
	copy(e.Topic[:], noise(4))
	return e
}

func encoded(v interface{}) rlp.RawValue {
	raw, err := rlp.EncodeToBytes(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func (e *envelope) short() []byte { return encoded([]interface{}{e.Expiry, e.TTL, e.Topic, e.Data}) }

func zeroBits(short []byte, nonce uint64) int {
	n := make([]byte, 8)
	binary.BigEndian.PutUint64(n, nonce)
	zeros := 0
	for _, b := range crypto.Keccak256(short, n) {
		zeros += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return zeros
}

// work finds the first nonce whose rating is in [least, below).
func (e *envelope) work(least, below float64) *envelope {
	short := e.short()
	cost := float64(len(short)) * math.Max(1, float64(e.TTL))
	for e.Nonce = 0; ; e.Nonce++ {
		if rating := math.Exp2(float64(zeroBits(short, e.Nonce))) / cost; rating >= least && rating < below {
			return e
		}
	}
}

// paid gives it twice the work that nodes ask for as a rule, so that a few seconds from the future do no harm.
func (e *envelope) paid() *envelope { return e.work(0.4, math.Inf(1)) }

func (e *envelope) raw() rlp.RawValue { return encoded(e) }
func (e *envelope) hash() common.Hash { return crypto.Keccak256Hash(e.raw()) }

// fields are the five encoded elements, for whoever wants to spoil one.
func (e *envelope) fields() []rlp.RawValue {
	return []rlp.RawValue{encoded(e.Expiry), encoded(e.TTL), encoded(e.Topic), encoded(e.Data), encoded(e.Nonce)}
}

func packet(envelopes ...*envelope) []byte {
	all := make([]rlp.RawValue, len(envelopes))
	for i, e := range envelopes {
		all[i] = e.raw()
	}
	return encoded(all)
}

// hashesOf lists what a Messages packet holds.
func hashesOf(payload []byte) ([]common.Hash, error) {
	var all []rlp.RawValue
	if err := rlp.DecodeBytes(payload, &all); err != nil {
		return nil, err
	}
	hashes := make([]common.Hash, len(all))
	for i, raw := range all {
		hashes[i] = crypto.Keccak256Hash(raw)
	}
	return hashes, nil
}
