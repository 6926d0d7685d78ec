package connect_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/planner"
)

func TestToken(t *testing.T) {
	env := map[string]string{"CLOUDFLARE_API_TOKEN": "usual", "TOKEN_PROD": "prod", "EMPTY": ""}
	lookup := func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
	for tokenEnv, want := range map[string]string{"": "usual", "TOKEN_PROD": "prod"} {
		if token, err := connect.Token(lookup, "account", tokenEnv); err != nil || token != want {
			t.Errorf("%q: %q, %v", tokenEnv, token, err)
		}
	}
	for tokenEnv, want := range map[string]string{
		"UNSET": "UNSET is not set: it holds the API token of account a1",
		"EMPTY": "EMPTY is not set: it holds the API token of account a1",
		// A token in place of its variable's name is not printed.
		"v1.0-abcdef": "the variable that token_env names is not set: it holds the API token of account a1",
	} {
		token, err := connect.Token(lookup, "a1", tokenEnv)
		if token != "" || err == nil || err.Error() != want || !errors.As(err, new(*connect.NoTokenError)) {
			t.Errorf("%q: %q, %v, want %q", tokenEnv, token, err, want)
		}
		if strings.Contains(err.Error(), "abcdef") {
			t.Errorf("the error quotes %q", tokenEnv)
		}
	}
}

// Whoever has only an API key learns that a token is needed.
func TestAPIKey(t *testing.T) {
	env := map[string]string{"CLOUDFLARE_API_KEY": "key-canary", "CLOUDFLARE_EMAIL": "a@example.com"}
	_, err := connect.Token(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, "a1", "")
	want := "CLOUDFLARE_API_TOKEN is not set: it holds the API token of account a1; an API key (CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL) cannot be used instead of a token"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// The regions are wrangler's.
func TestRegionURL(t *testing.T) {
	for region, want := range map[string]string{
		"": connect.BaseURL, "public": connect.BaseURL, "fedramp_high": "https://api.fed.cloudflare.com/client/v4", "mars": "",
	} {
		got, err := connect.RegionURL(region)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", region, got, err, want)
		}
	}
}

// The accounts share their connections and the limit of concurrent requests.
func TestAccountsShareConnections(t *testing.T) {
	const accounts, parallelism = 30, 5
	var opened atomic.Int32
	var mu sync.Mutex
	underWay, most := 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		underWay += n
		most = max(most, underWay)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		count(1)
		defer count(-1)
		_, _ = io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":[],"result_info":{"total_count":0}}`)
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	api, err := connect.Cloudflare(connect.Options{
		BaseURL: srv.URL, Parallelism: parallelism, Token: func(planner.AccountID, string) (string, error) { return "canary-token", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(n int) {
		a, err := api.Account(planner.AccountID(fmt.Sprintf("%032x", n)), "")
		if err == nil {
			_, err = a.ListStores(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}
	for n := range accounts { // one after the other
		list(n)
	}
	if n := opened.Load(); n > 3 { // a connection is idle only moments after its answer
		t.Errorf("%d connections for %d accounts, one after the other", n, accounts)
	}
	var wg sync.WaitGroup
	for n := range accounts {
		wg.Go(func() { list(n) })
	}
	wg.Wait()
	if most > parallelism {
		t.Errorf("%d requests at once, want at most %d", most, parallelism)
	}
}
