package cloudflare

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/applier"
)

// A refused connection and a failed handshake cannot have carried the request: even a create
// is retried, and its outcome is known. A certificate that is not trusted stays so, and is not.
func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	for name, tt := range map[string]struct {
		url, want string
		waits     int
	}{
		"refused": {closed, "connection refused", 1}, "certificate": {untrusted.URL, "certificate", 0},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var waits []Wait
			c := newClient(t, nil, func(c *Config) {
				c.BaseURL = tt.url
				c.OnWait = func(w Wait) { waits = append(waits, w); cancel() }
			})
			err := calls["POST"](ctx, c)
			if errors.Is(err, context.Canceled) != (tt.waits > 0) || errors.Is(err, applier.ErrOutcomeUnknown) {
				t.Error(err)
			}
			if len(waits) != tt.waits || len(waits) > 0 && !strings.Contains(waits[0].Reason, tt.want) || len(waits) == 0 && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("waits %+v and error %v, want %d for %s", waits, err, tt.waits, tt.want)
			}
		})
	}
}

// A connection that breaks after it was established may have carried a create: it is not
// sent again, over HTTP/1 and HTTP/2 alike.
func TestConnectionThatBreaks(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "http1", true: "http2"}[h2], func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				n.Add(1)
				if r.ProtoAtLeast(2, 0) != h2 {
					t.Errorf("came over %s", r.Proto)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				panic(http.ErrAbortHandler)
			}))
			srv.EnableHTTP2 = h2
			srv.StartTLS()
			t.Cleanup(srv.Close)
			c := newClient(t, srv.Client().Transport, func(c *Config) { c.BaseURL = srv.URL })
			if err := calls["POST"](t.Context(), c); !errors.Is(err, applier.ErrOutcomeUnknown) || n.Load() != 1 {
				t.Errorf("%d requests, error %v", n.Load(), err)
			}
		})
	}
}

// What a broken server sends instead of HTTP is not quoted.
func TestNoHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "canary-value\x1b[31m\r\n\r\n")
			_ = conn.Close()
		}
	}()
	c := newClient(t, nil, func(c *Config) { c.BaseURL = "http://" + l.Addr().String() })
	err = calls["POST"](t.Context(), c)
	if !errors.Is(err, applier.ErrOutcomeUnknown) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

// An endless answer is aborted, not held in memory.
func TestEndlessAnswer(t *testing.T) {
	var got atomic.Int64
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for {
			n, err := w.Write(chunk)
			if got.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if err := calls["POST"](t.Context(), c); !errors.Is(err, applier.ErrOutcomeUnknown) {
		t.Error(err)
	}
	if n := got.Load(); n > 3*maxAnswer {
		t.Errorf("%d bytes were taken", n)
	}
}

// A server that answers before it has read the request: the body is wiped while the
// transport may still be sending it, which must not be a race, and must not send zeros in
// place of a value.
func TestEarlyAnswer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		w.(http.Flusher).Flush()
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "\x00") {
			t.Error("zeros were sent for a value")
		}
	})
	items := []applier.NewSecret{item("a", strings.Repeat("x", 8<<20))}
	if _, err := c.CreateSecrets(t.Context(), storeID, items, nil); !errors.Is(err, applier.ErrTooLarge) && !errors.Is(err, applier.ErrOutcomeUnknown) {
		t.Error(err)
	}
}

// A connection that the server closed meanwhile is replaced before any of the request is
// lost; net/http needs the body twice for that.
func TestBodyCanBeReadTwice(t *testing.T) {
	rt := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
		httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
		again, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(again)
		if want := `[{"name":"a","value":"1","scopes":["workers"]}]`; string(body) != want {
			t.Errorf("the second time it is %s", body)
		}
		return success["POST"].to(r)
	}}
	if err := calls["POST"](t.Context(), newClient(t, rt)); err != nil {
		t.Error(err)
	}
}
