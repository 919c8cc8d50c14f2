// A peer that misbehaves in one way at a time, told apart by what the other side does about it.
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/p2p/enode"
)

const (
	patience = 20 * time.Second // a wait for what must come, times slow; nodes end handshakes after 5 s and give Status 10 s
	atOnce   = 8                // cases that run side by side
)

var goodStatus = encoded([]interface{}{uint64(6), uint64(0), []byte{}, false})

// attack is one case on one connection.
type attack struct {
	*wire
	scene   *scene
	framed  bool // frames can be sent
	greeted bool // both Hellos are out: what follows is answered after it was looked at
	quiet   bool // nothing may be sent to find out how it ended
	watched []common.Hash
}

// scene is what all cases against one node share: an honest neighbour that hears what the node passes on, and one that brings markers.
type scene struct {
	target  *enode.Node
	patient time.Duration
	lock    sync.Mutex
	news    *sync.Cond
	heard   map[common.Hash]int
	watcher *wire
	courier *wire
	gone    error
}

// outcome of a case. End: "up" (it is still a peer), "0x10" (a Disconnect and its reason), "closed" (without a word), "waits".
type outcome struct {
	Case      string `json:"case"`
	End       string `json:"end"`
	PassedOn  string `json:"passedOn,omitempty"` // of the watched envelopes: "all", "none", "some"
	Error     string `json:"error,omitempty"`    // the case itself could not be run
	TookMilli int64  `json:"ms"`
}

func (a *attack) tcp() (err error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return err
	}
	a.wire, err = dialTCP(a.scene.target, key)
	if err == nil {
		err = a.fd.SetDeadline(time.Now().Add(a.scene.patient))
	}
	return err
}

func (a *attack) keyed() error {
	err := a.tcp()
	if err == nil {
		err = a.keys()
	}
	a.framed = err == nil
	return err
}

func (a *attack) hello(h hello) error { return a.helloRaw(encoded(h), h.Version) }

func (a *attack) helloRaw(raw []byte, version uint64) error {
	if err := a.keyed(); err != nil {
		return err
	}
	if err := a.sendPlain(codeHello, raw); err != nil {
		return err
	}
	_, err := a.readHello(version)
	return err
}

func (a *attack) greet() error {
	err := a.keyed()
	if err == nil {
		err = a.hellos()
	}
	a.greeted = err == nil
	return err
}

func (a *attack) status(raw []byte) error {
	err := a.greet()
	if err == nil {
		err = a.send(shhStatus, raw)
	}
	return err
}

func (a *attack) up() error { return a.status(goodStatus) }

// bring sends an envelope that is looked for at the honest neighbour afterwards.
func (a *attack) bring(e *envelope) error {
	a.watched = append(a.watched, e.hash())
	return a.send(shhMessages, packet(e))
}

// ending finds out what became of the connection. On a greeted one a code that says nothing is sent, then a Ping: both kinds of node look at
// the packets of a peer one after the other, so a Pong means that everything before it was taken without complaint.
func (a *attack) ending() string {
	if a.wire == nil {
		return "closed"
	}
	if a.greeted && !a.quiet {
		_ = a.send(shhUnknown, []byte{0xc0})
		_ = a.send(codePing, []byte{0xc0})
	}
	if !a.framed {
		one := make([]byte, 1)
		for {
			if _, err := a.fd.Read(one); isTimeout(err) {
				return "waits"
			} else if err != nil {
				return "closed"
			}
		}
	}
	for {
		code, payload, err := a.read()
		switch {
		case isTimeout(err):
			return "waits"
		case err != nil:
			return "closed"
		case code == codeDisconnect:
			return disconnected{reasonOf(payload)}.Error()
		case code == codePong:
			return "up"
		case code == codePing:
			_ = a.send(codePong, []byte{0xc0})
		}
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// passedOn brings a marker from an honest neighbour: when it has come round, whatever was taken before it has come, too.
func (s *scene) passedOn(hashes []common.Hash) (string, error) {
	marker := freshEnvelope(lasting, 32).paid()
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := s.courier.send(shhMessages, packet(marker)); err != nil {
		return "", err
	}
	late := false
	timer := time.AfterFunc(s.patient, func() {
		s.lock.Lock()
		defer s.lock.Unlock()
		late = true
		s.news.Broadcast()
	})
	defer timer.Stop()
	for s.heard[marker.hash()] == 0 && s.gone == nil && !late {
		s.news.Wait()
	}
	if s.gone != nil {
		return "", s.gone
	}
	if s.heard[marker.hash()] == 0 {
		return "", errors.New("the marker did not come")
	}
	came := 0
	for _, h := range hashes {
		if s.heard[h] > 1 {
			return "twice", nil
		}
		came += s.heard[h]
	}
	return map[int]string{0: "none", len(hashes): "all"}[came], nil
}

func (s *scene) neighbour() (*wire, error) {
	a := &attack{scene: s}
	if err := a.up(); err != nil {
		return nil, err
	}
	return a.wire, a.fd.SetDeadline(time.Time{})
}

// listen keeps an honest neighbour alive; each hash that it hears goes to hear.
func listen(w *wire, hear func([]common.Hash)) error {
	for {
		code, payload, err := w.read()
		if err != nil {
			return err
		}
		switch code {
		case codePing:
			_ = w.send(codePong, []byte{0xc0})
		case codeDisconnect:
			return disconnected{reasonOf(payload)}
		case shhMessages:
			hashes, err := hashesOf(payload)
			if err != nil {
				return err
			}
			hear(hashes)
		}
	}
}

func (s *scene) end(err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.gone == nil {
		s.gone = fmt.Errorf("an honest neighbour was cut off: %v", err)
	}
	s.news.Broadcast()
}

func newScene(target *enode.Node, slow float64) (s *scene, err error) {
	s = &scene{target: target, patient: time.Duration(float64(patience) * slow), heard: make(map[common.Hash]int)}
	s.news = sync.NewCond(&s.lock)
	if s.watcher, err = s.neighbour(); err != nil {
		return nil, err
	}
	if s.courier, err = s.neighbour(); err != nil {
		s.watcher.close()
		return nil, err
	}
	go func() {
		s.end(listen(s.watcher, func(hashes []common.Hash) {
			s.lock.Lock()
			defer s.lock.Unlock()
			for _, h := range hashes {
				s.heard[h]++
			}
			s.news.Broadcast()
		}))
	}()
	go func() { s.end(listen(s.courier, func([]common.Hash) {})) }()
	return s, nil
}

func (s *scene) run(c hostileCase) outcome {
	a := &attack{scene: s}
	begun := time.Now()
	out := outcome{Case: c.name}
	err := c.run(a)
	var told disconnected
	switch {
	case err == nil, !errors.As(err, &told) && a.wire != nil:
		out.End = a.ending() // what could not be said because the line was closed shows in the reading, too
	case a.wire != nil:
		out.End = told.Error()
	default:
		out.Error = err.Error()
	}
	if a.wire != nil {
		a.close()
	}
	if len(a.watched) > 0 && out.Error == "" {
		if out.PassedOn, err = s.passedOn(a.watched); err != nil {
			out.Error = err.Error()
		} else if out.PassedOn == "" {
			out.PassedOn = "some"
		}
	}
	out.TookMilli = time.Since(begun).Milliseconds()
	return out
}

// runHostile runs cases against one node. slow: how many times longer than usual a wait may take.
func runHostile(address string, cases []hostileCase, slow float64) ([]outcome, error) {
	target, err := enode.ParseV4(address)
	if err != nil {
		return nil, err
	}
	s, err := newScene(target, slow)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.watcher.close()
		s.courier.close()
	}()
	outcomes := make([]outcome, len(cases))
	places := make(chan bool, atOnce)
	var all sync.WaitGroup
	for i := range cases {
		all.Add(1)
		places <- true
		go func(i int) {
			outcomes[i] = s.run(cases[i])
			say(fields{"event": "case", "enode": address, "outcome": outcomes[i]})
			<-places
			all.Done()
		}(i)
	}
	all.Wait()
	return outcomes, nil
}
