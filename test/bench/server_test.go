//go:build bench && linux

package bench

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// distant is the emulator at a distance: every request takes the latency longer.
type distant struct {
	emulator       *emulator.Server
	baseURL        string
	requests, busy atomic.Int64 // those that came, and those answered with 429
}

// newDistant serves the API until the test ends.
func newDistant(t *testing.T, latency time.Duration, opts emulator.Options) *distant {
	t.Helper()
	e, err := emulator.New(opts)
	program.Must(t, err)
	d := &distant{emulator: e}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer dashboard" { // the suite itself, by program.Send
			e.ServeHTTP(w, r)
			return
		}
		d.requests.Add(1)
		time.Sleep(latency)
		e.ServeHTTP(&status{w, d}, r)
	}))
	d.baseURL = server.URL + "/client/v4"
	t.Cleanup(func() { server.Close(); _ = e.Close() })
	return d
}

// status counts the answers with 429.
type status struct {
	http.ResponseWriter
	d *distant
}

func (s *status) WriteHeader(code int) {
	if code == http.StatusTooManyRequests {
		s.d.busy.Add(1)
	}
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for [http.ResponseController].
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
