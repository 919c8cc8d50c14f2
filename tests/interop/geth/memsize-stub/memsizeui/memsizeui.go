// Package memsizeui stands in for a page of geth's profiler: the names that geth's node package uses, and nothing behind them.
package memsizeui

import "net/http"

// Handler does nothing.
type Handler struct{}

// Add forgets what it is told.
func (*Handler) Add(string, interface{}) {}

func (*Handler) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not here", http.StatusNotFound)
}
