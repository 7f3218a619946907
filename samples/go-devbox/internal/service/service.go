// Package service is the HTTP interface of devboxd.
package service

import (
	"encoding/json"
	"net/http"
	"runtime"

	"example.com/probe"
)

// Build says how the binary came to be. The Dockerfile fills it in at link time.
type Build struct {
	Version string `json:"version"`
	Libc    string `json:"libc"`
	Go      string `json:"go"`
}

// New returns the handler of the service: /healthz and /version.
func New(build Build) http.Handler {
	if build.Go == "" {
		build.Go = runtime.Version()
	}

	var health probe.Registry
	health.Add("service", func() error { return nil })

	mux := http.NewServeMux()
	mux.Handle("/healthz", &health)
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(build)
	})
	return mux
}
