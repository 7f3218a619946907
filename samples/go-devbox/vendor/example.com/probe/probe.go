// Package probe answers health checks over HTTP from a set of named checks.
package probe

import (
	"encoding/json"
	"net/http"
	"sort"
	"sync"
)

// Check reports why a part of the program is not healthy, or nil.
type Check func() error

// Registry holds checks by name. Its zero value is ready; it may be used from several goroutines.
type Registry struct {
	mu     sync.Mutex
	checks map[string]Check
}

// Add registers a check; a second one of the same name replaces the first.
func (r *Registry) Add(name string, check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks == nil {
		r.checks = make(map[string]Check)
	}
	r.checks[name] = check
}

// Names lists the registered checks in order.
func (r *Registry) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.checks))
	for name := range r.checks {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Report is what ServeHTTP writes as JSON.
type Report struct {
	Healthy bool              `json:"healthy"`
	Checks  map[string]string `json:"checks"` // "ok" or the error's text
}

// Run calls every check.
func (r *Registry) Run() Report {
	report := Report{Healthy: true, Checks: make(map[string]string)}
	for _, name := range r.Names() {
		r.mu.Lock()
		check := r.checks[name]
		r.mu.Unlock()
		if err := check(); err != nil {
			report.Healthy = false
			report.Checks[name] = err.Error()
		} else {
			report.Checks[name] = "ok"
		}
	}
	return report
}

// ServeHTTP answers 200 when all checks pass, else 503.
func (r *Registry) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	report := r.Run()
	w.Header().Set("Content-Type", "application/json")
	if !report.Healthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report)
}
