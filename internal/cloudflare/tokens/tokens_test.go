package tokens_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/cloudflare/tokens"
	"github.com/secretsync/secretsync/internal/emulator"
)

const account = "0123456789abcdef0123456789abcdef"

var (
	ends    = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	options = emulator.Options{
		Now: func() time.Time { return ends.Add(-time.Hour) },
		Tokens: map[string][]emulator.Permission{
			"user": {emulator.SecretsStoreRead, emulator.AccountSettingsRead}, "cfut_user": nil, "owned": nil, "cfat_owned": nil,
			"disabled": nil, "expired": nil,
		},
		TokenStates: map[string]emulator.TokenState{
			"user": {Expires: ends}, "owned": {Account: account}, "disabled": {Disabled: true}, "expired": {Expires: ends.Add(-2 * time.Hour)},
		},
	}
)

// client returns a client with the token, and a function that returns the requests that it sent.
func client(t *testing.T, token string, wrap func(http.Handler) http.Handler) (*cloudflare.Client, func() []string) {
	t.Helper()
	server, err := emulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent []string
	h := wrap(server)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		sent = append(sent, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/client/v4"))
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c, err := cloudflare.New(cloudflare.Config{BaseURL: s.URL + "/client/v4", Token: token, AccountID: account})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() []string { mu.Lock(); defer mu.Unlock(); return sent }
}

func same(h http.Handler) http.Handler { return h }

func TestVerify(t *testing.T) {
	for token, want := range map[string]struct {
		tokens.Status
		requests int
	}{
		"user":       {tokens.Status{State: tokens.Active, Owner: tokens.User, Expires: ends}, 2},
		"cfut_user":  {tokens.Status{State: tokens.Active, Owner: tokens.User}, 1},
		"owned":      {tokens.Status{State: tokens.Active, Owner: tokens.Account}, 2},
		"cfat_owned": {tokens.Status{State: tokens.Active, Owner: tokens.Account}, 1},
		"disabled":   {tokens.Status{State: tokens.Disabled, Owner: tokens.User}, 2},
		"expired":    {tokens.Status{State: tokens.Expired, Owner: tokens.User, Expires: ends.Add(-2 * time.Hour)}, 2},
		"nonsense":   {tokens.Status{State: tokens.Invalid, Reason: "Cloudflare does not know it: it was mistyped, rolled or deleted"}, 2},
	} {
		c, sent := client(t, token, same)
		got, err := tokens.Verify(t.Context(), c, tokens.OwnerOf(token))
		if err != nil || got != want.Status || len(sent()) != want.requests {
			t.Errorf("%s: %+v, %v, %v; want %+v", token, got, err, sent(), want)
		}
	}
}

// A token that only the unreachable endpoint may know is not reported as invalid, and a refusal with a
// reason has priority over one without.
func TestVerifyInDoubt(t *testing.T) {
	for _, tt := range []struct {
		path, answer string
		status       int
		want, fails  string
	}{
		{"/accounts/", `{"success":false,"errors":[{"code":7003,"message":"Could not route"}]}`, 404, "", "Cloudflare doesn't know the account"},
		{"/user/", "no JSON", 404, "", "a gateway answered instead of the API"},
		{
			"/accounts/", `{"success":false,"errors":[{"code":9109,"message":"Cannot use the access token from location: 192.0.2.1"}]}`, 403,
			"the API token may not be used from this machine's address", "",
		},
	} {
		c, _ := client(t, "nonsense", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, tt.path) {
					w.WriteHeader(tt.status)
					_, _ = w.Write([]byte(tt.answer))
					return
				}
				h.ServeHTTP(w, r)
			})
		})
		got, err := tokens.Verify(t.Context(), c, tokens.Unknown)
		if (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) || !strings.HasPrefix(got.Reason, tt.want) {
			t.Errorf("%s: %+v, %v", tt.answer, got, err)
		}
		if strings.Contains(got.Reason, "192.0.2.1") {
			t.Errorf("Cloudflare's text is shown: %s", got.Reason)
		}
	}
}

func TestPermits(t *testing.T) {
	for permission, want := range map[string]bool{
		"Account Settings Read": true, "Workers Scripts Read": false, "AI Gateway Read": false,
	} {
		c, sent := client(t, "user", same)
		got, err := tokens.Permits(t.Context(), c, permission)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v; %v", permission, got, err, sent())
		}
		for _, request := range sent() {
			if !strings.HasPrefix(request, "GET ") {
				t.Errorf("%s: sent %s", permission, request)
			}
		}
	}
	all, err := emulator.New(emulator.Options{NoSubdomain: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, permission := range []string{"Account Settings Read", "Workers Scripts Read", "AI Gateway Read"} {
		c, _ := client(t, "user", func(http.Handler) http.Handler { return all })
		if got, err := tokens.Permits(t.Context(), c, permission); err != nil || !got {
			t.Errorf("a token with all permissions, %s: %v, %v", permission, got, err)
		}
	}
	c, _ := client(t, "user", func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	})
	if got, err := tokens.Permits(t.Context(), c, "AI Gateway Read"); err == nil {
		t.Errorf("a gateway's refusal is said to be about the permission: %v", got)
	}
}
