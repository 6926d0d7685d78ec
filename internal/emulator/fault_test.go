package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

// wire is a server behind a real connection, with a fault for the next request.
type wire struct {
	*testing.T
	*emulator.Embedded
	fault atomic.Pointer[emulator.Fault]
	http  *http.Client
	id    string
}

func newWire(t *testing.T, opts emulator.Options) *wire {
	t.Helper()
	w := &wire{T: t, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	opts.Fault = func(*http.Request) emulator.Fault {
		if f := w.fault.Swap(nil); f != nil {
			return *f
		}
		return emulator.Fault{}
	}
	e, err := emulator.Listen(t.Context(), "localhost:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	w.Embedded = e
	w.id = (&client{t, e.Server, account, "x"}).newStore("prod")
	e.ResetRequests()
	return w
}

// outcome is what a client sees of a request.
type outcome struct {
	status int
	header http.Header
	body   string
	err    error
}

// create sends a bulk create with a fault.
func (w *wire) create(ctx context.Context, f emulator.Fault) outcome {
	w.fault.Store(&f)
	url := w.BaseURL() + "/accounts/" + account + "/secrets_store/stores/" + w.id + "/secrets"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`[{"name":"one","value":"1","scopes":["workers"]}]`))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer x")
	resp, err := w.http.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return outcome{resp.StatusCode, resp.Header, string(body), err}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		fault   emulator.Fault
		status  int // 0: there is no response
		body    string
		err     error // of the connection
		changed bool
	}{
		{fault: emulator.Fault{}, status: 200, body: `"success":true`, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultCut}, err: io.EOF},
		{fault: emulator.Fault{Kind: emulator.FaultCut, After: true}, err: io.EOF, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultReset}, err: syscall.ECONNRESET},
		{fault: emulator.Fault{Kind: emulator.FaultReset, After: true}, err: syscall.ECONNRESET, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultInternal}, status: 500, body: `"code":10001`},
		{fault: emulator.Fault{Kind: emulator.FaultInternal, After: true}, status: 500, body: `"success":false`, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultBadGateway, After: true}, status: 502, body: "<html>", changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultUnavailable, After: true}, status: 503, body: `"success":false`, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultTruncated}, status: 200, body: `{"success":true`, err: io.ErrUnexpectedEOF, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultMalformed}, status: 200, body: `{"success":true`, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultEmpty}, status: 200, changed: true},
		{fault: emulator.Fault{Kind: emulator.FaultTooManyRequests}, status: 429, body: `"code":971`},
		{fault: emulator.Fault{Kind: emulator.FaultTooManyRequests, RetryAfter: 1500 * time.Millisecond}, status: 429, body: `"code":971`},
		{fault: emulator.Fault{Kind: emulator.FaultThrottled}, status: 200, body: `"code":971`},
		{fault: emulator.Fault{Kind: emulator.FaultForbidden}, status: 403, body: `"code":10000`},
		{fault: emulator.Fault{Kind: emulator.FaultNotFound}, status: 404, body: `secret_not_found`},
	} {
		name := string(tt.fault.Kind)
		if tt.fault.After {
			name += "-after"
		}
		t.Run(name, func(t *testing.T) {
			w := newWire(t, emulator.Options{})
			got := w.create(t.Context(), tt.fault)
			if !errors.Is(got.err, tt.err) {
				t.Errorf("error %v, want %v", got.err, tt.err)
			}
			if changed := w.HasValue(account, "prod", "one", []byte("1")); changed != tt.changed {
				t.Errorf("changed: %v, want %v", changed, tt.changed)
			}
			if log := w.Requests(); len(log) != 1 || log[0].Status != tt.status || log[0].Method != "POST" || !strings.HasSuffix(log[0].Path, "/secrets") {
				t.Errorf("the log says %+v", log)
			}
			if got.status != tt.status || !strings.Contains(got.body, tt.body) || (got.body == "") != (tt.body == "") {
				t.Errorf("%d %s, want %d %s", got.status, got.body, tt.status, tt.body)
			}
			if tt.status == 0 {
				return
			}
			retryAfter := ""
			if tt.fault.RetryAfter > 0 {
				retryAfter = "2"
			}
			if h := got.header.Get("Retry-After"); h != retryAfter {
				t.Errorf("Retry-After %q, want %q", h, retryAfter)
			}
			html := strings.HasPrefix(got.header.Get("Content-Type"), "text/html")
			if valid := json.Valid([]byte(got.body)); valid == (html || tt.err != nil || tt.body == "" || tt.fault.Kind == emulator.FaultMalformed) {
				t.Errorf("valid JSON: %v: %s", valid, got.body)
			}
		})
	}
}

// logged is a log that reports each request, before its answer is sent.
type logged chan struct{}

func (l logged) Write(b []byte) (int, error) { l <- struct{}{}; return len(b), nil }

// stall starts a request and returns when the server has it.
func stall(ctx context.Context, t *testing.T, after bool) (w *wire, done <-chan outcome) {
	t.Helper()
	requests := make(logged, 2)
	w = newWire(t, emulator.Options{Log: slog.New(slog.NewTextHandler(requests, nil))})
	<-requests
	outcomes := make(chan outcome, 1)
	go func() { outcomes <- w.create(ctx, emulator.Fault{Kind: emulator.FaultStall, After: after}) }()
	<-requests
	return w, outcomes
}

func TestStall(t *testing.T) {
	for _, after := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		w, done := stall(ctx, t, after)
		if changed := w.HasValue(account, "prod", "one", []byte("1")); changed != after {
			t.Errorf("changed: %v, want %v", changed, after)
		}
		select {
		case got := <-done:
			t.Errorf("it didn't stall: %+v", got)
		default:
		}
		cancel()
		if got := <-done; !errors.Is(got.err, context.Canceled) {
			t.Errorf("error %v", got.err)
		}
	}
}

func TestCloseEndsAStall(t *testing.T) {
	w, done := stall(t.Context(), t, false)
	_ = w.Close() // not Stop, which closes the connections too
	if got := <-done; !errors.Is(got.err, io.EOF) {
		t.Errorf("a stalled request ended with %+v", got)
	}
}

// A stalled request ends when its client disconnects.
func TestStallWithoutClient(t *testing.T) {
	s := newServer(t, emulator.Options{Fault: func(*http.Request) emulator.Fault { return emulator.Fault{Kind: emulator.FaultStall} }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
}

// A request that is broken off midway has no effect, even if what arrived looks complete.
func TestHalfARequest(t *testing.T) {
	c, s := newClient(t, emulator.Options{})
	id := c.newStore("prod")
	s.ResetRequests()
	body := io.MultiReader(strings.NewReader(`[{"name":"one","value":"1","scopes":["workers"]}]`), iotest.ErrReader(io.ErrUnexpectedEOF))
	req := httptest.NewRequest(http.MethodPost, "/client/v4/accounts/"+account+"/secrets_store/stores/"+id+"/secrets", body)
	req.Header.Set("Authorization", "Bearer x")
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
		if len(s.Requests()) != 0 || s.HasValue(account, "prod", "one", []byte("1")) {
			t.Error("half a request was handled")
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), req)
}
