package emulator_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
)

// FuzzBody sends any body to every endpoint that takes one. The answer is always an
// envelope, and lists still work.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[]", `[{"name":"a","value":"v","scopes":["workers"]}]`, `[{"name":"a","value":null,"scopes":null}]`,
		`{"value":"v","scopes":["dex"],"comment":"c"}`, `{"name":"a","scopes":["workers"]}`, `[{"id":"0"}]`, `[null]`, `[[]]`,
		`{"value":"\ud800"}`, "\xff", strings.Repeat("[", 20_000), `{"name":1e400}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, _ := newClient(t, emulator.Options{MaxStores: 2})
		id := c.newStore("prod")
		secrets := "/stores/" + id + "/secrets"
		one := secrets + "/" + c.newSecret(id, "one", "1").ID
		for _, e := range []struct{ method, path string }{
			{"POST", secrets}, {"PATCH", one}, {"POST", one + "/duplicate"}, {"DELETE", secrets}, {"POST", "/stores"},
		} {
			r := c.send(e.method, e.path, body)
			if r.status != 200 && r.status != 400 && r.status != 404 {
				t.Errorf("%s %s: status %d", e.method, e.path, r.status)
			}
			if r.Success && !json.Valid([]byte(body)) {
				t.Errorf("%s %s: taken, and not JSON", e.method, e.path)
			}
		}
		for _, s := range c.list(id) {
			if s.Name == "" || len(s.Scopes) == 0 || len(s.ID) != 32 {
				t.Errorf("there is a secret %+v", s)
			}
		}
	})
}

// FuzzPath sends any path: the answer is an envelope, and never a redirect.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/stores", "/stores/", "/stores//secrets", "/stores/%2e%2e/x", "/../..", "/stores/%2F/secrets", "/quota?x=%zz", "//"} {
		f.Add("GET", path)
		f.Add("DELETE", path)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		if _, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/"+path, nil); err != nil {
			t.Skip()
		}
		c, _ := newClient(t, emulator.Options{})
		if r := c.send(method, "/"+path, nil); r.status >= 300 && r.status < 400 || r.status >= 500 {
			t.Errorf("%s %q: status %d", method, path, r.status)
		}
	})
}

// FuzzParseFault: a rule is parsed or refused.
func FuzzParseFault(f *testing.F) {
	for _, text := range []string{"POST /secrets cut-after once", "* /secrets/* 429=2s 3", "GET * 971", "", "a b c d e"} {
		f.Add(text)
	}
	req, err := http.NewRequestWithContext(f.Context(), "GET", "http://localhost/stores/"+rand.Text(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decide, err := faultrule.Parse(text)
		if (decide == nil) != (err != nil) {
			t.Errorf("%q: error %v", text, err)
		}
		if err == nil {
			decide(req)
		}
	})
}
