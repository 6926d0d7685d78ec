package leaks

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// echoServer is an emulator that can echo all that it receives, in every part of an answer.
type echoServer struct {
	t     *testing.T
	watch *watch

	emulator     *emulator.Server
	verification *verification

	mu     sync.Mutex
	fault  emulator.Fault
	method string // the method of the requests to fail
	path   string // what their paths contain; if empty, of POSTs only those that carry values count
	echo   string // how they fail: one of echoes; empty: by the emulator's fault
	left   int    // how many of them fail
}

// echoes are the ways to answer. A way that the client retries is used once.
func echoes() []string {
	return []string{
		"400", "401", "403", "404", "409", "413", "418", "422", "302", "known", "success", "refused",
		"garbage once", "500 once", "429 once", "502 once", "page once",
	}
}

func newEchoServer(t *testing.T, w *watch, found *search) *echoServer {
	s := &echoServer{t: t, watch: w, verification: &verification{search: found}}
	e, err := emulator.New(emulator.Options{MaxSecrets: 1000, RateLimit: -1, KeepValues: true, Fault: func(r *http.Request) emulator.Fault {
		if s.hit(r) {
			return s.fault
		}
		return emulator.Fault{}
	}})
	program.Must(t, err)
	s.emulator = e
	t.Cleanup(func() { _ = e.Close() })
	return s
}

// set makes the requests of a method fail from now on: "ECHO [once]", or an emulator's
// fault; nothing ends it.
func (s *echoServer) set(method, how string, fault emulator.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.method, s.path, s.fault, s.left = method, "", fault, 0
	once := false
	s.echo, once = strings.CutSuffix(how, " once")
	switch {
	case once || fault.Kind != "":
		s.left = 1
	case how != "":
		s.left = 12 // a refused batch is retried one secret at a time
	}
}

// setAt makes the requests of a method fail whose paths contain this text.
func (s *echoServer) setAt(method, path, how string) {
	s.set(method, how, emulator.Fault{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path = path
}

// hit reports whether to fail a request.
func (s *echoServer) hit(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 || r.Method != s.method || !strings.Contains(r.URL.Path, s.path) ||
		s.path == "" && r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/secrets") {
		return false
	}
	s.left--
	return true
}

func (s *echoServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.watch.catchUp() // see what was written before the request ahead of what is written after it
	s.mu.Lock()
	how := s.echo
	s.mu.Unlock()
	verifies := isVerification(r)
	if verifies {
		s.verification.sent(r)
	}
	switch fails := how != "" && s.hit(r); {
	case !fails && verifies:
		s.verification.answer(s.emulator, w, r)
		return
	case !fails:
		s.emulator.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	said := r.Header.Get("Authorization") + " " + string(body)
	for _, name := range []string{"CF-Ray", "Retry-After", "Ratelimit", "X-Request-Id", "Www-Authenticate", "Warning"} {
		w.Header().Set(name, said[:min(len(said), 4000)])
	}
	s.answer(w, how, said)
}

func (s *echoServer) answer(w http.ResponseWriter, how, said string) {
	envelope := func(success bool, message string) []byte {
		e := []any{m{"code": 1001, "message": message}}
		return asJSON(m{"success": success, "errors": e, "messages": e, "result": m{"id": said, "name": said, "value": said}})
	}
	status, err := strconv.Atoi(how)
	answer := envelope(false, said)
	if err != nil {
		status = http.StatusOK
	}
	switch how {
	case "known":
		status, answer = http.StatusBadRequest, envelope(false, "secret_value_too_long: "+said)
	case "success":
		answer = envelope(true, said)
	case "page":
		status, answer = http.StatusBadGateway, []byte("<html>"+said)
	case "302":
		w.Header().Set("Location", "/elsewhere?"+said)
	case "garbage":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\n%s\r\n", said, said)
			_ = conn.Close()
		}
		return
	}
	w.WriteHeader(status)
	_, _ = io.Copy(w, bytes.NewReader(answer))
}
