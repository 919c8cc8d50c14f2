// The node: geth's stack with Whisper, no chain, everything on 127.0.0.1.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/ioutil"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/rpc"
	whisper "github.com/ethereum/go-ethereum/whisper/whisperv6"
)

const pollEvery = 20 * time.Millisecond // of a subscription; geth's own RPC looks every 250 ms

var (
	lock  sync.Mutex
	stack *node.Node
	shh   *whisper.Whisper
)

// netAPI is what the Ethereum service would bring; web3-shh asks for it.
type netAPI struct{ server *p2p.Server }

func (*netAPI) Version() string             { return "7777" }
func (*netAPI) Listening() bool             { return true }
func (a *netAPI) PeerCount() hexutil.Uint64 { return hexutil.Uint64(a.server.PeerCount()) }

// counted remembers how often each envelope came, over all peers.
var counted = struct {
	sync.Mutex
	times map[common.Hash]int
}{times: make(map[common.Hash]int)}

type countingReader struct{ p2p.MsgReadWriter }

func (c countingReader) ReadMsg() (p2p.Msg, error) {
	m, err := c.MsgReadWriter.ReadMsg()
	if err != nil || m.Code != 1 {
		return m, err
	}
	payload, err := ioutil.ReadAll(m.Payload)
	if err != nil {
		return m, err
	}
	m.Payload = bytes.NewReader(payload)
	if hashes, err := hashesOf(payload); err == nil {
		counted.Lock()
		for _, h := range hashes {
			counted.times[h]++
		}
		counted.Unlock()
	}
	return m, nil
}

// start {minPow, count, http, discovery, bootnodes, maxPeers} -> {enode, http}. count: keep a record for counts. http: serve shh_*, net_*,
// web3_* and admin_* over HTTP and WebSocket on one port.
func start(raw json.RawMessage) (interface{}, error) {
	p := struct {
		MinPow                 float64
		Count, HTTP, Discovery bool
		Bootnodes              []string
		MaxPeers               int
		MaxMessageSize         uint32
	}{MinPow: whisper.DefaultMinimumPoW, MaxPeers: 100, MaxMessageSize: whisper.DefaultMaxMessageSize}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	lock.Lock()
	defer lock.Unlock()
	if stack != nil {
		return nil, errors.New("it is running")
	}
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	config := node.Config{Name: "Geth", NoUSB: true, UseLightweightKDF: true, P2P: p2p.Config{
		PrivateKey: key, Name: "Geth/v1.9.20", MaxPeers: p.MaxPeers, ListenAddr: "127.0.0.1:0", NoDiscovery: !p.Discovery,
	}}
	for _, address := range p.Bootnodes {
		n, err := enode.Parse(enode.ValidSchemes, address)
		if err != nil {
			return nil, err
		}
		config.P2P.BootstrapNodes = append(config.P2P.BootstrapNodes, n)
	}
	if p.HTTP {
		modules := []string{"shh", "net", "web3", "admin"}
		config.HTTPHost, config.HTTPModules, config.WSHost, config.WSModules = "127.0.0.1", modules, "127.0.0.1", modules
	}
	s, err := node.New(&config)
	if err != nil {
		return nil, err
	}
	w := whisper.StandaloneWhisperService(&whisper.Config{
		MinimumAcceptedPOW: p.MinPow, MaxMessageSize: p.MaxMessageSize, RestrictConnectionBetweenLightClients: true})
	protocols := w.Protocols()
	if p.Count {
		run := protocols[0].Run
		protocols[0].Run = func(peer *p2p.Peer, rw p2p.MsgReadWriter) error { return run(peer, countingReader{rw}) }
	}
	s.RegisterProtocols(protocols)
	s.RegisterAPIs(append(w.APIs(), rpc.API{Namespace: "net", Version: "1.0", Service: &netAPI{s.Server()}, Public: true}))
	s.RegisterLifecycle(w)
	if err = s.Start(); err != nil {
		_ = s.Close()
		return nil, err
	}
	stack, shh = s, w
	go tellPeers(s.Server())
	return fields{"enode": s.Server().Self().URLv4(), "http": s.HTTPEndpoint()}, nil
}

func stop() {
	lock.Lock()
	defer lock.Unlock()
	if stack != nil {
		_ = stack.Close()
	}
}

func running() (*node.Node, *whisper.Whisper, error) {
	lock.Lock()
	defer lock.Unlock()
	if stack == nil {
		return nil, nil, errors.New("not started")
	}
	return stack, shh, nil
}

// tellPeers makes events of peers that come and go; error is geth's word for why.
func tellPeers(server *p2p.Server) {
	events := make(chan *p2p.PeerEvent, 100)
	subscription := server.SubscribeEvents(events)
	defer subscription.Unsubscribe()
	for {
		select {
		case e := <-events:
			if e.Type == p2p.PeerEventTypeAdd || e.Type == p2p.PeerEventTypeDrop {
				say(fields{"event": "peer", "change": e.Type, "peer": e.Peer.String(), "error": e.Error})
			}
		case <-subscription.Err():
			return
		}
	}
}

func parsed(raw json.RawMessage) (*enode.Node, error) {
	var p struct{ Enode string }
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	return enode.Parse(enode.ValidSchemes, p.Enode)
}

// addPeer {enode}
func addPeer(raw json.RawMessage) (interface{}, error) {
	s, _, err := running()
	if err != nil {
		return nil, err
	}
	n, err := parsed(raw)
	if err == nil {
		s.Server().AddPeer(n)
	}
	return true, err
}

// removePeer {enode}
func removePeer(raw json.RawMessage) (interface{}, error) {
	s, _, err := running()
	if err != nil {
		return nil, err
	}
	n, err := parsed(raw)
	if err == nil {
		s.Server().RemovePeer(n)
	}
	return true, err
}

// peers -> as admin_peers
func peers(json.RawMessage) (interface{}, error) {
	s, _, err := running()
	if err != nil {
		return nil, err
	}
	return s.Server().PeersInfo(), nil
}

// newKey -> {private, public}
func newKey(json.RawMessage) (interface{}, error) {
	k, err := crypto.GenerateKey()
	if err != nil {
		return nil, err
	}
	return fields{"private": hexutil.Bytes(crypto.FromECDSA(k)), "public": hexutil.Bytes(crypto.FromECDSAPub(&k.PublicKey))}, nil
}

func privateKey(raw []byte) (*ecdsa.PrivateKey, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return crypto.ToECDSA(raw)
}

func publicKey(raw []byte) (*ecdsa.PublicKey, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return crypto.UnmarshalPubkey(raw)
}

// post {key or to, sign, topic, payload or size, padding, ttl, pow, workTime, direct} -> {hash, payload, pow}. size: that many random bytes
// for a payload. direct: the enode of a peer that gets it as a direct message; others do not.
func post(raw json.RawMessage) (interface{}, error) {
	s, w, err := running()
	if err != nil {
		return nil, err
	}
	p := struct {
		Key, To, Sign, Topic, Payload, Padding hexutil.Bytes
		Size                                   int
		TTL, WorkTime                          uint32
		Pow                                    float64
		Direct                                 string
	}{WorkTime: 60}
	if err = json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	if p.Size > 0 {
		p.Payload = noise(p.Size)
	}
	params := whisper.MessageParams{KeySym: p.Key, TTL: p.TTL, PoW: p.Pow, WorkTime: p.WorkTime, Payload: p.Payload, Padding: p.Padding,
		Topic: whisper.BytesToTopic(p.Topic)}
	if params.Dst, err = publicKey(p.To); err != nil {
		return nil, err
	}
	if params.Src, err = privateKey(p.Sign); err != nil {
		return nil, err
	}
	message, err := whisper.NewSentMessage(&params)
	if err != nil {
		return nil, err
	}
	e, err := message.Wrap(&params)
	if err != nil {
		return nil, err
	}
	if p.Direct != "" {
		n, err := enode.Parse(enode.ValidSchemes, p.Direct)
		if err != nil {
			return nil, err
		}
		id := n.ID()
		err = w.SendP2PMessage(id[:], e)
		return fields{"hash": e.Hash(), "payload": p.Payload}, err
	}
	_ = s
	if err = w.Send(e); err != nil {
		return nil, err
	}
	return fields{"hash": e.Hash(), "payload": p.Payload, "pow": e.PoW()}, nil
}

var subscriptions struct {
	sync.Mutex
	last int
}

// subscribe {key or private, topics, from, minPow, allowP2P} -> its number; what it opens comes as "message" events.
func subscribe(raw json.RawMessage) (interface{}, error) {
	_, w, err := running()
	if err != nil {
		return nil, err
	}
	var p struct {
		Key, Private, From hexutil.Bytes
		Topics             []hexutil.Bytes
		MinPow             float64
		AllowP2P           bool
	}
	if err = json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	filter := &whisper.Filter{KeySym: p.Key, PoW: p.MinPow, AllowP2P: p.AllowP2P}
	if filter.KeyAsym, err = privateKey(p.Private); err != nil {
		return nil, err
	}
	if filter.Src, err = publicKey(p.From); err != nil {
		return nil, err
	}
	for _, t := range p.Topics {
		filter.Topics = append(filter.Topics, t)
	}
	id, err := w.Subscribe(filter)
	if err != nil {
		return nil, err
	}
	subscriptions.Lock()
	subscriptions.last++
	number := subscriptions.last
	subscriptions.Unlock()
	go func() {
		for range time.Tick(pollEvery) {
			for _, m := range w.GetFilter(id).Retrieve() {
				tellMessage(number, m)
			}
		}
	}()
	return number, nil
}

// filters {count, byTopic}: so many symmetric subscriptions that open nothing and are never asked, each for a topic of its own or for all
func filters(raw json.RawMessage) (interface{}, error) {
	_, w, err := running()
	if err != nil {
		return nil, err
	}
	var p struct {
		Count   int
		ByTopic bool
	}
	if err = json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	for i := 0; i < p.Count && err == nil; i++ {
		f := &whisper.Filter{KeySym: noise(32)}
		if p.ByTopic {
			f.Topics = [][]byte{noise(4)}
		}
		_, err = w.Subscribe(f)
	}
	return p.Count, err
}

func tellMessage(number int, m *whisper.ReceivedMessage) {
	event := fields{"event": "message", "subscription": number, "hash": m.EnvelopeHash, "payload": hexutil.Bytes(m.Payload),
		"padding": len(m.Padding), "topic": hexutil.Bytes(m.Topic[:]), "ttl": m.TTL, "sent": m.Sent, "pow": m.PoW}
	if m.Src != nil {
		event["from"] = hexutil.Bytes(crypto.FromECDSAPub(m.Src))
	}
	if m.Dst != nil {
		event["to"] = hexutil.Bytes(crypto.FromECDSAPub(m.Dst))
	}
	say(event)
}

// pool -> the hashes of all envelopes in it
func pool(json.RawMessage) (interface{}, error) {
	_, w, err := running()
	if err != nil {
		return nil, err
	}
	hashes := []common.Hash{}
	for _, e := range w.Envelopes() {
		hashes = append(hashes, e.Hash())
	}
	return hashes, nil
}

// counts -> {hash: how often peers brought it}
func counts(json.RawMessage) (interface{}, error) {
	counted.Lock()
	defer counted.Unlock()
	times := make(map[common.Hash]int, len(counted.times))
	for h, n := range counted.times {
		times[h] = n
	}
	return times, nil
}

// setMinPow {pow}
func setMinPow(raw json.RawMessage) (interface{}, error) {
	_, w, err := running()
	if err != nil {
		return nil, err
	}
	var p struct{ Pow float64 }
	if err = json.Unmarshal(raw, &p); err == nil {
		err = w.SetMinimumPoW(p.Pow)
	}
	return true, err
}

// setBloom {topics or bloom}
func setBloom(raw json.RawMessage) (interface{}, error) {
	_, w, err := running()
	if err != nil {
		return nil, err
	}
	var p struct {
		Topics []hexutil.Bytes
		Bloom  hexutil.Bytes
	}
	if err = json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	if p.Bloom == nil {
		p.Bloom = make([]byte, whisper.BloomFilterSize)
	}
	for _, t := range p.Topics {
		for i, b := range whisper.TopicToBloom(whisper.BytesToTopic(t)) {
			p.Bloom[i] |= b
		}
	}
	return p.Bloom, w.SetBloomFilter(p.Bloom)
}

// trust {enode}: its direct messages are taken from now on
func trust(raw json.RawMessage) (interface{}, error) {
	_, w, err := running()
	if err != nil {
		return nil, err
	}
	n, err := parsed(raw)
	if err != nil {
		return nil, err
	}
	id := n.ID()
	return true, w.AllowP2PMessagesFromPeer(id[:])
}

// hostile {enode, word, only, slow} -> a row for each case whose name holds the word, or that is named in only
func hostile(raw json.RawMessage) (interface{}, error) {
	p := struct {
		Enode, Word string
		Only        []string
		Slow        float64
	}{Slow: 1}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	rows, err := runHostile(p.Enode, casesWith(p.Word, p.Only), p.Slow)
	if err != nil {
		return nil, fmt.Errorf("hostile: %v", err)
	}
	return rows, nil
}

// cases -> the names of all
func caseNames(json.RawMessage) (interface{}, error) {
	names := []string{}
	for _, c := range casesWith("", nil) {
		names = append(names, c.name)
	}
	return names, nil
}
