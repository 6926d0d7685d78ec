package cloudflare

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
)

const (
	account = "0123456789abcdef0123456789abcdef"
	storeID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	id1     = "11111111111111111111111111111111"
	id2     = "22222222222222222222222222222222"
	token   = "canary-token-9Zq7"
)

// sent is a request as a server would see it.
type sent struct {
	method, path, query, body string
	header                    http.Header
	length                    int64
}

// script is a transport that answers by itself and records the requests.
type script struct {
	mu     sync.Mutex
	sent   []sent
	answer func(n int, r *http.Request) (*http.Response, error) // n counts from 0
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	n := len(s.sent)
	s.sent = append(s.sent, sent{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header, r.ContentLength})
	s.mu.Unlock()
	return s.answer(n, r)
}

// replies answers with each of the replies in turn, and then always with the last one.
func replies(all ...reply) *script {
	return &script{answer: func(n int, r *http.Request) (*http.Response, error) {
		return all[min(n, len(all)-1)].to(r)
	}}
}

type reply struct {
	status int
	body   string
	header map[string]string
	err    error
	stall  bool
}

func (p reply) to(r *http.Request) (*http.Response, error) {
	if p.stall {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if p.err != nil {
		return nil, p.err
	}
	res := &http.Response{
		StatusCode: cmp.Or(p.status, http.StatusOK), Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(p.body)), Request: r,
	}
	for k, v := range p.header {
		res.Header.Set(k, v)
	}
	return res, nil
}

func ok(result string) reply {
	return reply{body: `{"success":true,"errors":[],"messages":[],"result":` + result + `}`}
}

func refusal(status, code int, message string) reply {
	return reply{status: status, body: fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%q}],"result":null}`, code, message)}
}

func secretJSON(id, name string) string {
	return fmt.Sprintf(`{"id":%q,"name":%q,"store_id":%q,"scopes":["workers"],"comment":null,"status":"pending",`+
		`"created":"2026-11-23T12:00:00.000001Z","modified":"2026-11-23T12:00:00.000002Z"}`, id, name, storeID)
}

// logged is a debug log.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func config(rt http.RoundTripper) Config {
	return Config{
		BaseURL: "https://api.test/client/v4", Token: token, AccountID: account,
		Transport: rt,
	}
}

func newClient(t *testing.T, rt http.RoundTripper, with ...func(*Config)) *Client {
	t.Helper()
	cfg := config(rt)
	for _, f := range with {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve runs a real server and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc, with ...func(*Config)) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return newClient(t, nil, append([]func(*Config){func(c *Config) { c.BaseURL = srv.URL + "/client/v4" }}, with...)...)
}

func item(name, value string) applier.NewSecret {
	return applier.NewSecret{Name: name, Value: secret.New([]byte(value)), Scopes: []string{"workers"}}
}

func ptr[T any](v T) *T { return &v }
