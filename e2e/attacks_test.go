//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
)

// attacker sees and changes what passes between secretsync and the preview.
type attacker struct {
	mu       sync.Mutex
	requests []*http.Request // to previews, with their bodies
	answers  [][]byte
	// forge returns another answer; nil leaves it as it is.
	forge func(request, answer []byte) (status int, forged []byte)
}

// RoundTrip implements [http.RoundTripper].
func (a *attacker) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, "/__preview/") {
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	seen := r.Clone(r.Context())
	seen.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests, a.answers = append(a.requests, seen), append(a.answers, answer)
	if a.forge != nil {
		resp.StatusCode, answer = a.forge(body, answer)
		resp.Header.Del("Content-Length")
		resp.Header.Set("Location", "http://127.0.0.1:1/")
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	return resp, nil
}

// watched is a project with one secret that was changed, the attacker, and a request and an answer
// that the attacker has seen.
func watched(t *testing.T) (p *verifyPlace, a *attacker, request, answer []byte) {
	t.Helper()
	p = newAppliedPlace(t)
	p.dashboard("changed", `{"value": "another"}`)
	a = &attacker{}
	p.transport = a
	p.verified("changed other")
	if len(a.requests) != 1 {
		t.Fatalf("%d requests to the witness, want 1", len(a.requests))
	}
	request, err := io.ReadAll(a.requests[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"value\"", "another"} {
		if bytes.Contains(request, []byte(hidden)) || bytes.Contains(a.answers[0], []byte(hidden)) {
			t.Errorf("%q passes between secretsync and the witness", hidden)
		}
	}
	return p, a, request, a.answers[0]
}

// TestWitnessTellsNothing: without the session key, with another one, or asked the same again,
// the witness answers nothing.
func TestWitnessTellsNothing(t *testing.T) {
	p, a, request, _ := watched(t)
	mac, content, _ := bytes.Cut(request, []byte("\n"))
	authenticate := func(key secret.Key) []byte {
		return base64.RawURLEncoding.AppendEncode(nil, key.MAC("secretsync/witness/request/v1", content))
	}
	noKey, err := secret.ParseKey(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	join := func(mac, content []byte) []byte { return slices.Concat(mac, []byte("\n"), content) }
	for name, body := range map[string][]byte{
		"nothing":                   nil,
		"no authentication":         content,
		"an empty MAC":              join(nil, content),
		"another session key":       join(authenticate(secret.NewKey()), content),
		"zeros as session key":      join(authenticate(noKey), content),
		"another content":           join(mac, bytes.Replace(content, []byte("same"), []byte("gone"), 1)),
		"another nonce":             join(mac, bytes.Replace(content, []byte(`"nonce":"`), []byte(`"nonce":"x`), 1)),
		"the same request again":    request,
		"the same with a line feed": slices.Concat(request, []byte("\n")),
		"2 MiB":                     bytes.Repeat([]byte("x"), 2<<20),
		"512 KiB, which are read":   bytes.Repeat([]byte("x"), 512<<10),
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodGet} {
			r, err := http.NewRequestWithContext(t.Context(), method, a.requests[0].URL.String(), bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = a.requests[0].Header.Clone()
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusForbidden || len(answer) > 0 {
				t.Errorf("%s by %s: %s %q %v", name, method, resp.Status, answer, err)
			}
		}
	}
	p.ran(1)
}

// TestNothingForgedIsBelieved: an answer that is not the witness's to this request fails the
// verification, and nothing in it is believed.
func TestNothingForgedIsBelieved(t *testing.T) {
	p, a, _, earlier := watched(t)
	for name, forge := range map[string]func(request, answer []byte) (int, []byte){
		"another result": func(_, answer []byte) (int, []byte) {
			return http.StatusOK, bytes.ReplaceAll(answer, []byte(`"mismatch"`), []byte(`"match","which":0`))
		},
		"an earlier answer":         func([]byte, []byte) (int, []byte) { return http.StatusOK, earlier },
		"the request as the answer": func(request, _ []byte) (int, []byte) { return http.StatusOK, request },
		"no MAC": func(_, answer []byte) (int, []byte) {
			_, content, _ := bytes.Cut(answer, []byte("\n"))
			return http.StatusOK, content
		},
		"one answer twice": func(_, answer []byte) (int, []byte) { return http.StatusOK, bytes.Repeat(answer, 2) },
		"a page":           func([]byte, []byte) (int, []byte) { return http.StatusOK, []byte("<html>sign in</html>") },
		"64 MiB": func([]byte, []byte) (int, []byte) {
			return http.StatusOK, bytes.Repeat([]byte(" "), 64<<20)
		},
		"nothing":    func([]byte, []byte) (int, []byte) { return http.StatusOK, nil },
		"a redirect": func(_, answer []byte) (int, []byte) { return http.StatusFound, answer },
	} {
		a.forge = forge
		others, failed := p.verify()
		if failed == nil || !strings.Contains(failed.Error(), `in the step "answer"`) && !strings.Contains(failed.Error(), `in the step "run"`) {
			t.Errorf("%s: %v", name, failed)
		}
		if strings.Join(others, ",") != "changed,same" { // about neither is anything known
			t.Errorf("%s: believed %q", name, others)
		}
		if failed != nil && strings.Contains(failed.Error(), "sign in") {
			t.Errorf("%s: the answer is quoted: %v", name, failed)
		}
	}
	a.forge = nil
	p.verified("changed other")
	p.ran(2)
}
