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

	mu                sync.Mutex
	uploads, requests int
}

// isVerification reports whether a request is one of those that only verification sends.
func isVerification(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/edge-preview") || strings.HasPrefix(r.URL.Path, "/__preview/")
}

// sent searches a request. From then on, the session key of an upload is searched for too.
func (v *verification) sent(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case strings.HasPrefix(r.URL.Path, "/__preview/"):
		v.mu.Lock()
		v.requests++
		v.mu.Unlock()
		v.search.look("the headers of a request to a preview", fmt.Append(nil, r.Header)) // also for the API token
	case r.Method == http.MethodPost:
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
	v.mu.Lock()
	defer v.mu.Unlock()
	v.uploads++
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

// verify runs everything that verifies values, also where each step fails.
func (p *leakProject) verify() {
	p.shown(program.OK, "verify", "--allow-commands", "--metrics-file", "verify.prom")
	p.shown(program.OK, "plan", "--verify", "--allow-commands")
	p.shown(program.OK, "drift", "--verify", "--allow-commands")
	p.debug("apply", "--verify", "--auto-approve", "--json")
	v := p.server.verification
	if v.uploads == 0 || v.requests < v.uploads {
		p.t.Errorf("%d uploads and %d requests to previews", v.uploads, v.requests)
	}
	echoed := []string{"400", "known once"}
	if *allLeaks {
		echoed = echoes()
	}
	for _, how := range echoed {
		for _, step := range []struct{ method, path string }{
			{http.MethodGet, "/subdomain"}, {http.MethodGet, "/edge-preview"}, {http.MethodPost, "/edge-preview"}, {http.MethodPost, "/__preview/"},
		} {
			p.server.setAt(step.method, step.path, how)
			p.debug("verify", "--request-timeout", "1s")
		}
	}
	p.server.set("", "", emulator.Fault{})
}
