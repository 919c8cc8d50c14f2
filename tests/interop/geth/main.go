// gethnode: geth v1.9.20's own Whisper node for tests, driven by JSON lines.
//
//	-> {"id": 1, "do": "start", "minPow": 0.2}                 <- {"id": 1, "result": {"enode": "enode://..."}}
//	-> {"id": 2, "do": "post", "key": "0x...", "size": 100}    <- {"id": 2, "error": "..."}
//	                                                           <- {"event": "message", "subscription": 1, "hash": "0x...", ...}
//
// Each call runs on its own, so answers come when they are ready. Bytes are 0x hex. The calls stand in table below; the end of standard
// input ends the node. hostile needs no start: it misbehaves towards some other node.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/ethereum/go-ethereum/log"
)

var table = map[string]func(raw json.RawMessage) (interface{}, error){
	"start": start, "addPeer": addPeer, "removePeer": removePeer, "peers": peers,
	"newKey": newKey, "post": post, "subscribe": subscribe, "filters": filters, "pool": pool, "counts": counts,
	"setMinPow": setMinPow, "setBloom": setBloom, "trust": trust,
	"hostile": hostile, "cases": caseNames, "source": source, "flood": flood, "latency": latency,
}

var (
	outLock sync.Mutex
	out     = bufio.NewWriter(os.Stdout)
)

func say(v interface{}) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	outLock.Lock()
	defer outLock.Unlock()
	_, _ = out.Write(append(raw, '\n'))
	_ = out.Flush()
}

type fields map[string]interface{}

func answer(line []byte) {
	var call struct {
		ID uint64
		Do string
	}
	var result interface{}
	err := json.Unmarshal(line, &call)
	if err == nil {
		if do := table[call.Do]; do != nil {
			result, err = do(line)
		} else {
			err = fmt.Errorf("no call %q", call.Do)
		}
	}
	if err != nil {
		say(fields{"id": call.ID, "error": err.Error()})
		return
	}
	say(fields{"id": call.ID, "result": result})
}

func main() {
	level := log.LvlError
	if os.Getenv("GETHNODE_LOG") != "" {
		level = log.LvlTrace
	}
	log.Root().SetHandler(log.LvlFilterHandler(level, log.StreamHandler(os.Stderr, log.TerminalFormat(false))))
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), 16<<20)
	for lines.Scan() {
		go answer(append([]byte{}, lines.Bytes()...))
	}
	stop()
}
