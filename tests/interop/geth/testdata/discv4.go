// The list of checks that geth's devp2p tool has for discovery v4, and nothing else of that tool. Its package is internal to go-ethereum, so
// discv4.py compiles this file as if it lay there.
//
//	discv4check ENODE      exit 0: all passed
package main

import (
	"os"

	"github.com/ethereum/go-ethereum/cmd/devp2p/internal/v4test"
	"github.com/ethereum/go-ethereum/internal/utesting"
)

func main() {
	v4test.Remote = os.Args[1]
	if utesting.CountFailures(utesting.RunTests(v4test.AllTests, os.Stdout)) > 0 {
		os.Exit(1)
	}
}
