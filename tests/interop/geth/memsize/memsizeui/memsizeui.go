// Package memsizeui has the names that geth's node package uses of a page of its profiler. The library itself does not build with a newer Go.
package memsizeui

import "net/http"

// Handler does nothing.
type Handler struct{}

// Add forgets what it is told.
func (*Handler) Add(string, interface{}) {}

func (*Handler) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "not here", http.StatusNotFound)
}
