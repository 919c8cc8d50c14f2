// A peer below geth's p2p package: RLPx as initiator, frames, Hello. It can say anything, right or wrong, at any stage, which the package
// cannot; keys, ECIES, RLP and Snappy are geth's. One goroutine reads and one writes.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/crypto/ecies"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/golang/snappy"
	"golang.org/x/crypto/sha3"
)

const (
	codeHello, codeDisconnect, codePing, codePong = 0, 1, 2, 3

	shhStatus, shhMessages, shhPow, shhBloom = 16, 17, 18, 19 // shh/6 is the only capability in common: its codes begin at 16
	shhUnknown                               = 16 + 100
	shhRequest, shhDirect                    = 16 + 126, 16 + 127

	frameMax = 1<<24 - 1
)

type capability struct {
	Name    string
	Version uint64
}

type hello struct {
	Version uint64
	Client  string
	Caps    []capability
	Port    uint64
	Key     []byte
	Rest    []rlp.RawValue `rlp:"tail"`
}

type wire struct {
	fd              net.Conn
	key, ephemeral  *ecdsa.PrivateKey
	remote          *ecdsa.PublicKey
	nonce           []byte
	auth            []byte
	encrypt         cipher.Stream
	decrypt         cipher.Stream
	macBlock        cipher.Block
	egress, ingress hash.Hash
	snappy          bool
}

func pub64(k *ecdsa.PublicKey) []byte { return crypto.FromECDSAPub(k)[1:] }

func xored(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}

func shared(k *ecdsa.PrivateKey, p *ecdsa.PublicKey) ([]byte, error) {
	return ecies.ImportECDSA(k).GenerateShared(ecies.ImportECDSAPublic(p), 16, 16)
}

// dialTCP connects, no more.
func dialTCP(n *enode.Node, key *ecdsa.PrivateKey) (*wire, error) {
	fd, err := net.DialTimeout("tcp", fmt.Sprintf("%v:%d", n.IP(), n.TCP()), 15*time.Second)
	if err != nil {
		return nil, err
	}
	w := &wire{fd: fd, key: key, remote: n.Pubkey(), nonce: make([]byte, 32)}
	if w.ephemeral, err = crypto.GenerateKey(); err == nil {
		_, err = rand.Read(w.nonce)
	}
	return w, err
}

func (w *wire) close() { _ = w.fd.Close() }

// signature of the auth packet: token xor nonce, with the ephemeral key.
func (w *wire) signature() ([]byte, error) {
	token, err := shared(w.key, w.remote)
	if err != nil {
		return nil, err
	}
	return crypto.Sign(xored(token, w.nonce), w.ephemeral)
}

// sealAuth makes the packet of EIP-8 around the list that the caller chose.
func (w *wire) sealAuth(body interface{}) ([]byte, error) {
	plain := append(encoded(body), make([]byte, 150)...)
	size := make([]byte, 2)
	binary.BigEndian.PutUint16(size, uint16(len(plain)+113))
	sealed, err := ecies.Encrypt(rand.Reader, ecies.ImportECDSAPublic(w.remote), plain, nil, size)
	return append(size, sealed...), err
}

// sealOldAuth makes the packet of before EIP-8.
func (w *wire) sealOldAuth() ([]byte, error) {
	sig, err := w.signature()
	if err != nil {
		return nil, err
	}
	plain := append(append([]byte{}, sig...), crypto.Keccak256(pub64(&w.ephemeral.PublicKey))...)
	plain = append(append(append(plain, pub64(&w.key.PublicKey)...), w.nonce...), 0)
	return ecies.Encrypt(rand.Reader, ecies.ImportECDSAPublic(w.remote), plain, nil, nil)
}

func (w *wire) goodAuth(version uint, rest ...interface{}) ([]byte, error) {
	sig, err := w.signature()
	if err != nil {
		return nil, err
	}
	return w.sealAuth(append([]interface{}{sig, pub64(&w.key.PublicKey), w.nonce, version}, rest...))
}

func (w *wire) sendAuth(packet []byte) error {
	w.auth = packet
	_, err := w.fd.Write(packet)
	return err
}

// readAck reads the answer and makes the keys of the frames. old: the form of before EIP-8.
func (w *wire) readAck(old bool) error {
	own := ecies.ImportECDSA(w.key)
	packet := make([]byte, 210)
	if _, err := io.ReadFull(w.fd, packet[:2]); err != nil {
		return err
	}
	var theirKey, theirNonce []byte
	if old {
		if _, err := io.ReadFull(w.fd, packet[2:]); err != nil {
			return err
		}
		plain, err := own.Decrypt(packet, nil, nil)
		if err != nil || len(plain) != 97 {
			return fmt.Errorf("old ack: %v", err)
		}
		theirKey, theirNonce = plain[:64], plain[64:96]
	} else {
		packet = append(packet[:2], make([]byte, binary.BigEndian.Uint16(packet))...)
		if _, err := io.ReadFull(w.fd, packet[2:]); err != nil {
			return err
		}
		plain, err := own.Decrypt(packet[2:], nil, packet[:2])
		if err != nil {
			return err
		}
		var body struct {
			Key, Nonce []byte
			Version    uint
			Rest       []rlp.RawValue `rlp:"tail"`
		}
		if err := rlp.NewStream(bytes.NewReader(plain), 0).Decode(&body); err != nil {
			return err
		}
		theirKey, theirNonce = body.Key, body.Nonce
	}
	point, err := crypto.UnmarshalPubkey(append([]byte{4}, theirKey...))
	if err != nil {
		return err
	}
	e, err := shared(w.ephemeral, point)
	if err != nil {
		return err
	}
	secret := crypto.Keccak256(e, crypto.Keccak256(theirNonce, w.nonce))
	frameKey := crypto.Keccak256(e, secret)
	macKey := crypto.Keccak256(e, frameKey)
	block, err := aes.NewCipher(frameKey)
	if err != nil {
		return err
	}
	w.encrypt, w.decrypt = cipher.NewCTR(block, make([]byte, 16)), cipher.NewCTR(block, make([]byte, 16))
	if w.macBlock, err = aes.NewCipher(macKey); err != nil {
		return err
	}
	w.egress, w.ingress = sha3.NewLegacyKeccak256(), sha3.NewLegacyKeccak256()
	w.egress.Write(append(xored(macKey, theirNonce), w.auth...))
	w.ingress.Write(append(xored(macKey, w.nonce), packet...))
	return nil
}

func (w *wire) mix(h hash.Hash, seed []byte) []byte {
	block := make([]byte, 16)
	w.macBlock.Encrypt(block, h.Sum(nil)[:16])
	h.Write(xored(block, seed))
	return h.Sum(nil)[:16]
}

// frame returns one frame as it travels; content = the message code and its payload.
func (w *wire) frame(content []byte) []byte {
	rounded := (len(content) + 15) / 16 * 16
	out := make([]byte, 32+rounded, 48+rounded)
	out[0], out[1], out[2] = byte(len(content)>>16), byte(len(content)>>8), byte(len(content))
	copy(out[3:], []byte{0xc2, 0x80, 0x80})
	w.encrypt.XORKeyStream(out[:16], out[:16])
	copy(out[16:32], w.mix(w.egress, out[:16]))
	copy(out[32:], content)
	w.encrypt.XORKeyStream(out[32:], out[32:])
	w.egress.Write(out[32:])
	return append(out, w.mix(w.egress, w.egress.Sum(nil)[:16])...)
}

func (w *wire) sendFrame(content []byte) error {
	_, err := w.fd.Write(w.frame(content))
	return err
}

// sendPlain sends a payload as it is, send as a Snappy block once both sides are of version 5.
func (w *wire) sendPlain(code uint64, payload []byte) error {
	content, _ := rlp.EncodeToBytes(code)
	return w.sendFrame(append(content, payload...))
}

func (w *wire) send(code uint64, payload []byte) error {
	if w.snappy {
		payload = snappy.Encode(nil, payload)
	}
	return w.sendPlain(code, payload)
}

func (w *wire) read() (code uint64, payload []byte, err error) {
	head := make([]byte, 32)
	if _, err = io.ReadFull(w.fd, head); err != nil {
		return
	}
	if !hmac.Equal(w.mix(w.ingress, head[:16]), head[16:]) {
		return 0, nil, errors.New("header MAC")
	}
	w.decrypt.XORKeyStream(head[:16], head[:16])
	size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	rounded := (size + 15) / 16 * 16
	body := make([]byte, rounded+16)
	if _, err = io.ReadFull(w.fd, body); err != nil {
		return
	}
	w.ingress.Write(body[:rounded])
	if !hmac.Equal(w.mix(w.ingress, w.ingress.Sum(nil)[:16]), body[rounded:]) {
		return 0, nil, errors.New("body MAC")
	}
	w.decrypt.XORKeyStream(body[:rounded], body[:rounded])
	_, first, rest, err := rlp.Split(body[:size])
	if err != nil || len(first) > 8 {
		return 0, nil, fmt.Errorf("message code: %v", err)
	}
	for _, b := range first {
		code = code<<8 | uint64(b)
	}
	if !w.snappy {
		return code, rest, nil
	}
	size, err = snappy.DecodedLen(rest)
	if err == nil && size > frameMax {
		err = errors.New("block too large")
	}
	if err == nil {
		payload, err = snappy.Decode(nil, rest)
	}
	if err != nil && code == codeDisconnect { // it may have been sent before both sides knew of Snappy
		return code, rest, nil
	}
	return code, payload, err
}

func goodHello(w *wire) hello {
	return hello{Version: 5, Client: "interop/1", Caps: []capability{{"shh", 6}}, Key: pub64(&w.key.PublicKey)}
}

// keys runs the key handshake.
func (w *wire) keys() error {
	auth, err := w.goodAuth(4)
	if err == nil {
		err = w.sendAuth(auth)
	}
	if err == nil {
		err = w.readAck(false)
	}
	return err
}

type disconnected struct{ reason uint64 }

func (d disconnected) Error() string { return fmt.Sprintf("0x%02x", d.reason) }

func reasonOf(payload []byte) uint64 {
	var list []uint64
	if rlp.DecodeBytes(payload, &list) == nil && len(list) > 0 {
		return list[0]
	}
	var bare uint64
	_ = rlp.DecodeBytes(payload, &bare)
	return bare
}

// readHello waits for theirs and turns Snappy on if both are of version 5.
func (w *wire) readHello(ours uint64) (hello, error) {
	var h hello
	code, payload, err := w.read()
	if err != nil {
		return h, err
	}
	if code == codeDisconnect {
		return h, disconnected{reasonOf(payload)}
	}
	if code != codeHello {
		return h, fmt.Errorf("code %d instead of Hello", code)
	}
	if err = rlp.DecodeBytes(payload, &h); err != nil {
		return h, err
	}
	w.snappy = h.Version >= 5 && ours >= 5
	return h, nil
}

// hellos exchanges honest ones.
func (w *wire) hellos() error {
	ours := goodHello(w)
	raw, err := rlp.EncodeToBytes(ours)
	if err == nil {
		err = w.send(codeHello, raw)
	}
	if err == nil {
		_, err = w.readHello(ours.Version)
	}
	return err
}
