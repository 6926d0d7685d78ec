package cloudflare

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
)

// A valid token is refused now and then. That is retried: often if the token worked in this run,
// and hardly if it may simply be wrong. The refusal changed nothing, so a POST is sent again too.
func TestDenied(t *testing.T) {
	denied := refusal(403, 10000, "Authentication error")
	for _, tt := range []struct {
		name    string
		worked  bool
		times   int // the answer is a refusal so often
		want    int // requests
		success bool
	}{
		{"new token, once", false, 1, 2, true},
		{"new token", false, 9, 2, false},
		{"token that worked, three times", true, 3, 4, true},
		{"token that worked", true, 9, 4, false},
	} {
		for method, call := range calls {
			t.Run(tt.name+"/"+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					answers := []reply{}
					if tt.worked {
						answers = append(answers, success["GET"])
					}
					for range tt.times {
						answers = append(answers, denied)
					}
					s := replies(append(answers, success[method])...)
					c := newClient(t, s)
					if tt.worked {
						if err := calls["GET"](t.Context(), c); err != nil {
							t.Fatal(err)
						}
					}
					start := time.Now()
					err := call(t.Context(), c)
					if (err == nil) != tt.success || errors.Is(err, applier.ErrOutcomeUnknown) {
						t.Errorf("error %v", err)
					}
					want := tt.want
					if tt.worked {
						want++
					}
					if len(s.sent) != want {
						t.Errorf("%d requests, want %d", len(s.sent), want)
					}
					if took := time.Since(start); took > 10*time.Second {
						t.Errorf("it took %s", took)
					}
				})
			})
		}
	}
}

// Each kind of refusal has a reason in our own words: nothing that Cloudflare says is quoted.
func TestReasonsForDenial(t *testing.T) {
	ray := map[string]string{"Cf-Ray": "8f1a0123456789ab-FRA"}
	for _, tt := range []struct {
		name, method string
		reply        reply
		worked       bool
		want         string
	}{
		{"address", "GET", refusal(403, 9109, "Cannot use the access token from location: 203.0.113.9"), false, "may not be used from this machine's address"},
		{"invalid", "GET", refusal(400, 9109, "Invalid access token"), false, "invalid, expired or disabled"},
		{"header", "GET", refusal(400, 6003, "Invalid request headers"), false, "cannot read the Authorization header"},
		{"header, in the chain", "GET", reply{status: 400, body: `{"success":false,"errors":[{"code":1,"message":"x","error_chain":[{"code":6111,"message":"y"}]}]}`}, false, "cannot read the Authorization header"},
		{"firewall", "GET", reply{status: 403, body: "<html>Sorry, you have been blocked</html>", header: ray}, false, "a firewall page of Cloudflare blocked the request"},
		{"firewall, writing", "PATCH", reply{status: 403, body: "<html>", header: ray}, true, "this is not about the token"},
		{"403 of another server", "GET", reply{status: 403, body: "<html>"}, false, "refused the API token"},
		{"reading", "GET", refusal(403, 10000, "Authentication error"), false, `"Secrets Store Read"`},
		{"writing", "DELETE", refusal(403, 10000, "Authentication error"), false, `"Secrets Store Write" for this one`},
		{"writing, after reading", "DELETE", refusal(403, 10000, "Authentication error"), true, "can read but not write"},
		{"proxy", "GET", reply{status: 407, body: "<html>"}, false, "the proxy wants a login (HTTP 407)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, replies(tt.reply))
				c.worked.Store(tt.worked)
				err := calls[tt.method](t.Context(), c)
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "203.0.113.9") {
					t.Errorf("error %v, want one about %s", err, tt.want)
				}
			})
		})
	}
}

// What cannot be a token is not sent, and the error says why without quoting it.
func TestMistakesInTokens(t *testing.T) {
	for text, want := range map[string]string{
		`"` + token + `"`:   "in quotes",
		"'" + token:         "in quotes",
		"Bearer " + token:   "begins with",
		"${" + token + "}":  "placeholder",
		"<" + token + ">":   "placeholder",
		token + " " + token: "copy it again",
		token:               "",
		"a.b_c~d+e/f=":      "",
	} {
		cfg := config(nil)
		cfg.Token = text
		_, err := New(cfg)
		if want == "" {
			if err != nil {
				t.Errorf("%v", err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("error %v, want one about %s, without the token", err, want)
		}
	}
}

// A proxy that refuses to connect is named as the reason, and nothing it says is quoted. The
// request was not sent.
func TestProxyRefuses(t *testing.T) {
	for status, want := range map[int]string{407: "the proxy wants a login (HTTP 407)", 403: "the proxy refused to connect (HTTP 403)"} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary", status) }))
		defer proxy.Close()
		transport := NewTransport(applier.DefaultParallelism)
		transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
		c := newClient(t, nil, func(c *Config) { c.Transport = transport })
		built, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		a := c.attempt(t.Context(), &request{op: "op", built: built})
		if a.verdict() != refused || !a.unsent || !strings.Contains(a.failure, want) || strings.Contains(a.failure, "canary") {
			t.Errorf("unsent %v, %q; want %q", a.unsent, a.failure, want)
		}
	}
}
