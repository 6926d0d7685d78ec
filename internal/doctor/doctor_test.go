package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/doctor"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

const account = "0123456789abcdef0123456789abcdef"

type noGuard struct{}

func (noGuard) Know(manifest.Value) {}
func (noGuard) Public(...string)    {}

// options returns the options for a project with one secret, and an API that handler serves.
func options(t *testing.T, handler http.Handler) doctor.Options {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "secretsync.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nstores: {prod: {secrets: {a: {from: {env: KEY}}}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	address := server.URL + "/client/v4"
	api, err := connect.Cloudflare(connect.Options{
		BaseURL: address, Token: func(planner.AccountID, string) (string, error) { return "canary-token", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KEY": "canary-value", "PATH": os.Getenv("PATH")}
	return doctor.Options{
		Version: "1.0.0", CoreDumps: func() (bool, bool) { return true, true }, Address: address,
		Config: reconcile.Config{
			Manifest: file, Account: account, API: api, Guard: noGuard{},
			LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		},
		Proxy:     func(*http.Request) (*url.URL, error) { return nil, nil },
		TokenName: func(string) string { return "TOKEN" },
		Skew:      func() (time.Duration, bool) { return 0, true },
		Timeout:   time.Minute,
		Tracked:   func(context.Context, string) []doctor.Mistake { return nil },
		Explain:   func(err error) []doctor.Mistake { return []doctor.Mistake{{What: err.Error()}} },
		Command:   func(words ...string) string { return "secretsync " + strings.Join(words, " ") },
	}
}

func newEmulator(t *testing.T, o emulator.Options) *emulator.Server {
	t.Helper()
	s, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, o doctor.Options) *doctor.Report {
	t.Helper()
	r, err := doctor.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// find returns the result of a check.
func find(t *testing.T, r *doctor.Report, name string) doctor.Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c doctor.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s", name)
	}
	return r.Checks[i]
}

// want checks the status of a check and a part of its message.
func want(t *testing.T, r *doctor.Report, name string, status doctor.Status, message string) {
	t.Helper()
	if c := find(t, r, name); c.Status != status || !strings.Contains(c.Message, message) {
		t.Errorf("%s: %s: %s; want %s: %s", name, c.Status, c.Message, status, message)
	}
}

// No request writes, and requests that do not depend on each other are under way at once.
func TestRequestsSideBySide(t *testing.T) {
	server := newEmulator(t, emulator.Options{})
	var mu sync.Mutex
	now, most, sent := 0, 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		now, sent = now+n, sent+max(n, 0)
		most = max(most, now)
	}
	r := run(t, options(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		count(1)
		defer count(-1)
		time.Sleep(200 * time.Millisecond)
		server.ServeHTTP(w, r)
	})))
	if r.Result != doctor.OK || sent != 7 || most < 6 { // a first request opens the connection
		t.Errorf("%s; %d requests, %d at once; %+v", r.Result, sent, most, r.Checks)
	}
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("%v: %s", err, text)
	}
}

// silent never answers.
var silent = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

func TestTimeout(t *testing.T) {
	o := options(t, silent)
	o.Timeout = 100 * time.Millisecond
	r := run(t, o)
	want(t, r, "api", doctor.Error, "no answer within 100ms")
	want(t, r, "token", doctor.Skipped, "the API was not reached")
	want(t, r, "quota", doctor.Skipped, "the API was not reached")
	want(t, r, "manifest", doctor.OK, "1 secret")
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { cancel(); silent(w, r) }))
	if r, err := doctor.Run(ctx, o); !errors.Is(err, context.Canceled) || r != nil {
		t.Errorf("%v, %v", r, err)
	}
}

// If an answer is not a list of stores, all other checks still run.
func TestChecksGoOn(t *testing.T) {
	server := newEmulator(t, emulator.Options{MaxSecrets: 1})
	r := run(t, options(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stores") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"success":false,"errors":[{"code":7003,"message":"canary"}]}`))
			return
		}
		server.ServeHTTP(w, r)
	})))
	want(t, r, "account", doctor.Error, "Cloudflare doesn't know the account")
	want(t, r, "store", doctor.Skipped, "the stores could not be listed")
	want(t, r, "permissions", doctor.OK, "not known: Secrets Store Read, Secrets Store Write")
	want(t, r, "quota", doctor.OK, "0 of 1 secrets")
	want(t, r, "clock", doctor.OK, "")
	if r.Errors != 1 || r.Result != doctor.Error {
		t.Errorf("%d errors, %s", r.Errors, r.Result)
	}
}

func TestLeaseAndClock(t *testing.T) {
	bucket := new(objectstoretest.Memory)
	o := options(t, newEmulator(t, emulator.Options{}))
	o.Config.Lease = "s3://bucket/team"
	o.Config.Objects = func(context.Context, string) (objectstore.Store, error) { return bucket, nil }
	want(t, run(t, o), "lease", doctor.OK, "free")
	held, err := lease.Acquire(t.Context(), bucket, []string{lease.Key(account, "prod")}, lease.Options{Host: "ci-7"})
	if err != nil {
		t.Fatal(err)
	}
	want(t, run(t, o), "lease", doctor.Warning, "held by a run on ci-7 since ")
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	for skew, status := range map[time.Duration]doctor.Status{
		29 * time.Second: doctor.OK, -time.Minute: doctor.Warning, 15 * time.Minute: doctor.Error, // a bucket refuses requests
	} {
		o.Skew = func() (time.Duration, bool) { return skew, true }
		want(t, run(t, o), "clock", status, "")
	}
	o.Skew = func() (time.Duration, bool) { return -time.Minute, true }
	want(t, run(t, o), "clock", doctor.Warning, "1m0s ahead of the API's")
	o.Config.Lease = ""
	o.Skew = func() (time.Duration, bool) { return time.Hour, true }
	want(t, run(t, o), "clock", doctor.Warning, "1h0m0s behind the API's")
}

// A token that ends soon, a quota that is almost used up, and a process that may dump its memory.
func TestWarnings(t *testing.T) {
	ends := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	o := options(t, newEmulator(t, emulator.Options{
		Tokens:      map[string][]emulator.Permission{"canary-token": emulator.Permissions()},
		TokenStates: map[string]emulator.TokenState{"canary-token": {Expires: ends}},
	}))
	o.CoreDumps = func() (bool, bool) { return false, true }
	r := run(t, o)
	want(t, r, "token", doctor.Warning, "valid, of a user, until "+ends.Format(time.RFC3339))
	want(t, r, "core-dumps", doctor.Warning, "to disk")
	if c := find(t, r, "token"); c.Expires == nil || !c.Expires.Equal(ends) || c.Hint == "" {
		t.Errorf("%+v", c)
	}
	if r.Result != doctor.Warning || r.Errors != 0 || r.Warnings != 2 {
		t.Errorf("%s: %d errors, %d warnings", r.Result, r.Errors, r.Warnings)
	}
}

// Foreign text takes one line and changes no terminal, and a login is not shown.
func TestText(t *testing.T) {
	o := options(t, newEmulator(t, emulator.Options{}))
	o.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://canary:canary@proxy.example:3128") }
	o.NoManifest = errors.New("bad\n\x1b[31mname")
	o.Config.Manifest = ""
	var b strings.Builder
	if err := run(t, o).Text(&b, func(s doctor.Status) string { return string(s) }); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Contains(text, "canary") || strings.Contains(text, "\x1b") || strings.Contains(text, "\nname") ||
		!strings.Contains(text, "http://proxy.example:3128, with a login") {
		t.Error(text)
	}
	for line := range strings.Lines(text) {
		if line != "\n" && !slices.ContainsFunc([]string{"ok", "warning", "error", "skipped", "         hint: "}, func(s string) bool { return strings.HasPrefix(line, s) }) {
			t.Errorf("%q", line)
		}
	}
}
