package leaks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/test/program"
)

// verification records what travels to verify values. Values are searched for in all of it. The
// fingerprint key and the session keys may be in uploads, and nowhere else.
type verification struct {
	search *search

	mu                                       sync.Mutex
	subdomains, exchanges, uploads, requests int
}

// isVerification reports whether only verification sends such a request.
func isVerification(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/edge-preview") || strings.HasSuffix(r.URL.Path, "/workers/subdomain") || outsideAPI(r)
}

// outsideAPI reports whether a request goes to a preview, or exchanges its token. Neither gets the
// API token.
func outsideAPI(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/__preview/") || strings.HasPrefix(r.URL.Path, "/__exchange/")
}

// sent searches a request. From then on, the session key of an upload is searched for too.
func (v *verification) sent(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if outsideAPI(r) {
		v.search.look("the headers of a request to "+r.URL.Path, fmt.Append(nil, r.Header)) // also for the API token
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/__preview/"):
		v.requests++
	case strings.HasPrefix(r.URL.Path, "/__exchange/"):
		v.exchanges++
	case strings.HasSuffix(r.URL.Path, "/workers/subdomain"):
		v.subdomains++
	case r.Method == http.MethodPost:
		v.uploads++
		body = v.uploaded(r.Header.Get("Content-Type"), body)
	}
	v.search.look("what is sent to "+r.URL.Path, body)
}

// answer passes a request on, and searches the answer.
func (v *verification) answer(next http.Handler, w http.ResponseWriter, r *http.Request) {
	recorded := &recorder{ResponseWriter: w}
	next.ServeHTTP(recorded, r)
	v.search.look("the answer of "+r.URL.Path, recorded.body.Bytes())
}

// uploaded returns the body of an upload without the keys.
func (v *verification) uploaded(contentType string, body []byte) []byte {
	_, params, _ := mime.ParseMediaType(contentType)
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
	if err != nil || len(form.Value["metadata"]) != 1 {
		v.search.leak("an upload that the suite cannot read: %v", err)
		return body
	}
	var metadata struct {
		Bindings []struct{ Type, Name, Text string }
	}
	if err := json.Unmarshal([]byte(form.Value["metadata"][0]), &metadata); err != nil {
		v.search.leak("an upload that the suite cannot read: %v", err)
	}
	for _, b := range metadata.Bindings {
		if b.Type != "secret_text" {
			continue
		}
		if n := bytes.Count(body, []byte(b.Text)); n != 1 {
			v.search.leak("%s is %d times in an upload", b.Name, n)
		}
		body = bytes.ReplaceAll(body, []byte(b.Text), nil)
		if b.Name == witness.SessionBinding {
			v.search.learn(newCredential("session key", b.Text))
		}
	}
	return body
}

// recorder keeps a copy of an answer.
type recorder struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// verify runs everything that verifies values, including failures of each step.
func (p *leakProject) verify() {
	p.shown(program.OK, "verify", "--metrics-file", "verify.prom")
	p.shown(program.OK, "plan", "--verify", "--allow-commands")
	p.shown(program.OK, "drift", "--verify")
	p.debug("apply", "--verify", "--auto-approve", "--json")
	v := p.server.verification
	if v.uploads == 0 || v.requests < v.uploads || v.exchanges < v.uploads || v.subdomains == 0 {
		p.t.Errorf("%d uploads, %d requests to previews, %d exchanges and %d for the subdomain", v.uploads, v.requests, v.exchanges, v.subdomains)
	}
	echoed := []string{"400", "known once"}
	if *allLeaks {
		echoed = echoes()
	}
	for _, how := range echoed {
		for _, step := range []struct{ method, path string }{
			{http.MethodGet, "/subdomain"}, {http.MethodGet, "/edge-preview"}, {http.MethodGet, "/__exchange/"},
			{http.MethodPost, "/edge-preview"}, {http.MethodPost, "/__preview/"},
		} {
			p.server.setAt(step.method, step.path, how)
			p.debug("verify", "--request-timeout", "1s")
		}
	}
	p.server.set("", "", emulator.Fault{})
}
