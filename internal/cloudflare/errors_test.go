package cloudflare

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
)

// No part of an answer is printed, whatever it contains and wherever. Nor is the token.
func TestNothingOfAnAnswerIsPrinted(t *testing.T) {
	const canary = "canary-value\x1b[31m"
	quoted := `canary-value\u001b[31m`
	header := map[string]string{"CF-Ray": "8f00-\x1b[31m<FRA>", "Content-Type": "text/plain; charset=" + canary, "X-Echo": canary}
	for name, r := range map[string]reply{
		"message":           {status: 400, body: `{"success":false,"errors":[{"code":1001,"message":"bad: ` + quoted + `"}]}`},
		"after a known one": {status: 400, body: `{"success":false,"errors":[{"code":1003,"message":"secret_name_already_exists: ` + quoted + `"}]}`},
		"code":              {status: 400, body: `{"success":false,"errors":[{"code":"` + quoted + `"}]}`},
		"source":            {status: 422, body: `{"success":false,"errors":[{"code":1,"message":"","source":{"pointer":"` + quoted + `"}}],"messages":["` + quoted + `"]}`},
		"page":              {status: 502, body: "<html>" + canary},
		"200 page":          {body: canary},
		"200 result":        {body: `{"success":true,"result":{"value":"` + quoted + `","id":["` + quoted + `"]}}`},
		"200 false":         {body: `{"success":false,"result":{"value":"` + quoted + `"}}`},
		"location":          {status: 302, header: map[string]string{"Location": "https://" + canary}},
		"retry after":       {status: 429, header: map[string]string{"Retry-After": canary, "Ratelimit": canary}},
		"transport":         {err: errors.New("malformed HTTP response " + canary)},
	} {
		for method, call := range calls {
			t.Run(name+"/"+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if r.header == nil {
						r.header = header
					}
					var log logged
					var waits []Wait
					c := newClient(t, replies(r), func(c *Config) {
						c.Log, c.OnWait = log.logger(), func(w Wait) { waits = append(waits, w) }
					})
					err := call(t.Context(), c)
					if err == nil && method != "DELETE" { // DELETE needs no result
						t.Fatal("no error")
					}
					out := fmt.Sprintf("%v %+v %#v %q %v\n", err, err, err, err, waits) + log.String()
					for e := err; e != nil; e = errors.Unwrap(e) {
						out += fmt.Sprintf("%+v %#v\n", e, e)
					}
					for _, bad := range []string{"canary", "\x1b", token, "<html>", "<FRA>"} {
						if strings.Contains(out, bad) {
							t.Errorf("printed %q:\n%s", bad, out)
						}
					}
				})
			})
		}
	}
}

func TestErrorText(t *testing.T) {
	ray := map[string]string{"Cf-Ray": "8f1a0123456789ab-FRA"}
	named := refusal(400, 1003, "secret_name_already_exists: a")
	named.header = ray
	tests := []struct {
		name   string
		reply  reply
		method string
		want   string
	}{
		{"known", named, "POST", "creating a secret: a secret of that name exists already in the store (HTTP 400, code 1003, CF-Ray 8f1a0123456789ab-FRA)"},
		{"unknown", refusal(409, 4711, "boo"), "PATCH", "updating a secret: Cloudflare rejected the request for a reason that is not shown because it may quote a value (HTTP 409, code 4711)"},
		{"token", refusal(403, 10000, "Authentication error"), "GET", `listing secrets: Cloudflare refused the API token: it is invalid, is for another account, or lacks the permission "Secrets Store Read" (to apply, "Secrets Store Write") for this one (HTTP 403, code 10000, 2 attempts)`},
		{"token, no envelope", reply{status: 401}, "GET", `listing secrets: Cloudflare refused the API token: it is invalid, is for another account, or lacks the permission "Secrets Store Read" (to apply, "Secrets Store Write") for this one (HTTP 401)`},
		{"gateway", reply{status: 502, body: "<html>"}, "PATCH", "updating a secret: a gateway answered instead of the API: if this persists, check the API base URL (HTTP 502, 4 attempts); whether it took effect is unknown"},
		{"internal", refusal(500, 1, ""), "DELETE", "deleting a secret: Cloudflare had an internal error (HTTP 500, code 1, 4 attempts); whether it took effect is unknown"},
		{"account", refusal(404, 7003, "Could not route"), "GET", "listing secrets: Cloudflare doesn't know the account: check its id (HTTP 404, code 7003)"},
		{"later", throttle("3600"), "GET", "listing secrets: Cloudflare's rate limit is used up: it asks to wait 1h0m0s, and secretsync waits 5m0s at most; try again after that (HTTP 429, code 10429)"},
		{"half", reply{body: "{"}, "POST", "creating a secret: the answer is incomplete, or not from the API (HTTP 200); whether it took effect is unknown"},
		{"silent", reply{stall: true}, "POST", "creating a secret: no answer came in time; whether it took effect is unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if diff := cmp.Diff(tt.want, calls[tt.method](t.Context(), newClient(t, replies(tt.reply))).Error()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func TestIdentify(t *testing.T) {
	for message, want := range map[string]string{
		"secret_not_found":                  "secret_not_found",
		"secret_name_already_exists: NAME":  "secret_name_already_exists",
		"maximum_secrets_exceeded: max 100": "maximum_secrets_exceeded",
		"secret_not_found_here":             "",
		"not secret_not_found":              "",
		"Secret_not_found":                  "",
		"secret_name_empty_":                "",
		"":                                  "",
		"\xff":                              "",
	} {
		if got := identify(message); got != want {
			t.Errorf("identify(%q) = %q, want %q", message, got, want)
		}
	}
}

// A code is a family of errors: only the message says which one it is. The first known one
// counts.
func TestSeveralErrors(t *testing.T) {
	c := newClient(t, replies(reply{status: 400, body: `{"success":false,"errors":[` +
		`{"code":1001,"message":"something new"},{"code":1001,"message":"store_not_found"},{"code":1003,"message":"secret_not_found"}]}`}))
	err := calls["GET"](t.Context(), c)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Known != "store_not_found" || !errors.Is(err, applier.ErrNotFound) || len(e.Codes) != 3 || e.Status != http.StatusBadRequest {
		t.Errorf("%#v", err)
	}
}

func TestLogTellsOfEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		r := success["POST"]
		r.header = map[string]string{"Cf-Ray": "8f1a0123456789ab-FRA"}
		c := newClient(t, replies(throttle("1"), r), func(c *Config) { c.Log = log.logger() })
		if err := calls["POST"](t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"method=POST path=" + secretsPath + " status=429", "msg=waiting", "status=200", "cf_ray=8f1a0123456789ab-FRA"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in the log:\n%s", want, log.String())
			}
		}
	})
}

// Cloudflare's message may continue after the error's name in several ways
// (docs/cloudflare-api.md §6).
func TestNameTaken(t *testing.T) {
	for message, want := range map[string]bool{
		"secret_name_already_exists: a":    true,
		`secret_name_already_exists: "a"`:  true,
		"secret_name_already_exists 'a'.":  true,
		"secret_name_already_exists":       false,
		"secret_name_already_exists: ab":   false,
		"secret_name_already_exists: a, b": false,
	} {
		err := calls["POST"](t.Context(), newClient(t, replies(refusal(400, 1003, message))))
		e, ok := errors.AsType[*Error](err)
		if !ok || !errors.Is(err, applier.ErrNameTaken) || e.NameTaken("a") != want {
			t.Errorf("%s: %v, want %v", message, e.NameTaken("a"), want)
		}
	}
}
