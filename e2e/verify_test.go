//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/test/program"
)

// verifyPlace is a place whose emulator keeps made-up values, and runs the witness in the real
// workerd.
type verifyPlace struct {
	*place
	fault     atomic.Pointer[func(*http.Request) emulator.Fault]
	log       lockedBuffer
	transport http.RoundTripper // of the library's clients

	mu     sync.Mutex
	failed []error // of verifications
}

// newVerifyPlace uses the Miniflare of a folder's packages.
func newVerifyPlace(t *testing.T, modules string, opts emulator.Options) *verifyPlace {
	t.Helper()
	p := &verifyPlace{transport: http.DefaultTransport}
	opts.KeepValues, opts.Miniflare, opts.Log = true, []string{filepath.Dir(modules)}, slog.New(slog.NewTextHandler(&p.log, nil))
	opts.Fault = func(r *http.Request) emulator.Fault {
		if f := p.fault.Load(); f != nil {
			return (*f)(r)
		}
		return emulator.Fault{}
	}
	p.place = newPlaceWith(t, opts)
	return p
}

// newAppliedPlace has two secrets that were applied.
func newAppliedPlace(t *testing.T) *verifyPlace {
	t.Helper()
	p := newVerifyPlace(t, "node_modules", emulator.Options{})
	p.write("value.txt", "value")
	p.write("secretsync.yaml", `version: 1
stores:
  prod:
    secrets:
      changed: {from: {file: value.txt}}
      same: {from: {file: value.txt}}
`)
	p.run("", 0, secretsync, "apply", "--auto-approve")
	return p
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(data)
}

// ran checks that at least n Workers ran, all of them in workerd.
func (p *verifyPlace) ran(n int) {
	p.Helper()
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	text := p.log.b.String()
	if strings.Contains(text, "runtime=double") || strings.Count(text, `runtime="workerd of wrangler`) < n {
		p.Errorf("the witness did not run in workerd %d times:\n%s", n, text)
	}
}

// faults makes requests fail from now on.
func (p *verifyPlace) faults(rules ...string) {
	p.Helper()
	fault, err := faultrule.Parse(rules...)
	if err != nil {
		p.Fatal(err)
	}
	p.fault.Store(&fault)
}

// dashboard changes a secret as a colleague does by hand.
func (p *verifyPlace) dashboard(name, patch string) {
	p.Helper()
	secrets := "/stores/" + p.id("/stores", "prod") + "/secrets"
	_, err := program.Send(p.baseURL, http.MethodPatch, secrets+"/"+p.id(secrets, name), json.RawMessage(patch))
	program.Must(p.T, err)
}

// id returns the id of the entry with a name in a list of the API.
func (p *verifyPlace) id(list, name string) string {
	p.Helper()
	id, err := program.FindID(p.baseURL, list, name)
	program.Must(p.T, err)
	return id
}

// open opens the project in the folder.
func (p *verifyPlace) open(verify bool) *reconcile.Project {
	p.Helper()
	api, err := connect.Cloudflare(connect.Options{
		BaseURL: p.baseURL, DefaultAccount: account, Transport: p.transport,
		Token: func(planner.AccountID, string) (string, error) { return "e2e", nil },
	})
	if err != nil {
		p.Fatal(err)
	}
	project, err := reconcile.Open(p.Context(), reconcile.Config{
		Manifest: filepath.Join(p.dir, "secretsync.yaml"), API: api, Verify: verify,
		Notify: func(e reconcile.Event) {
			if e, ok := e.(reconcile.VerificationFailed); ok {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.failed = append(p.failed, e.Err)
			}
		},
	})
	if err != nil {
		p.Fatal(err)
	}
	return project
}

// verify verifies all secrets, and describes the ones whose values differ from the recorded ones.
func (p *verifyPlace) verify() (others []string, failed error) {
	p.Helper()
	v, err := p.open(false).Verify(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	for _, s := range v.Secrets {
		if s.Value != planner.LiveSame {
			others = append(others, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Key.Name, s.Value, s.Reason)))
		}
	}
	return others, v.Failed
}

// verified checks which secrets are found to have another value than the recorded one.
func (p *verifyPlace) verified(want ...string) {
	p.Helper()
	if others, failed := p.verify(); failed != nil || !slices.Equal(others, want) {
		p.Errorf("verified: %q, %v; want %q", others, failed, want)
	}
}

// planned describes the actions of a plan.
func (p *verifyPlace) planned(verify bool) string {
	p.Helper()
	proposal, err := p.open(verify).Plan(p.Context(), reconcile.Mode{})
	if err != nil {
		p.Fatal(err)
	}
	defer proposal.Close()
	var all []string
	for _, a := range proposal.Plan.Actions {
		all = append(all, fmt.Sprintf("%s %s value=%v comment=%v scopes=%v %v",
			a.Op, a.Secret, a.SetValue, a.Comment != nil, a.Scopes != nil, a.Reasons))
	}
	return strings.Join(all, "\n")
}

// drifted describes what drift finds that counts.
func (p *verifyPlace) drifted() string {
	p.Helper()
	d, err := p.open(true).Drift(p.Context())
	if err != nil || d.Unreachable != nil {
		p.Fatal(err, d.Unreachable)
	}
	var all []string
	for _, f := range d.Findings {
		if f.Counts {
			all = append(all, fmt.Sprintf("%s %s %s", f.Secret, f.Kind, f.Value))
		}
	}
	return strings.Join(all, "\n")
}

// TestVerify: after an apply all values match; only a value that a colleague changes is reported; a
// comment is not a value; a secret that Workers may not read is reported as unreadable.
func TestVerify(t *testing.T) {
	eachMiniflare(t, func(t *testing.T, modules, path string) {
		t.Setenv("PATH", path)
		p := newVerifyPlace(t, modules, emulator.Options{})
		p.write("odd.txt", "first \"value\"\r\n😀 \x00 é")
		p.write("value.txt", "second")
		p.write("secretsync.yaml", `version: 1
stores:
  prod:
    secrets:
      odd: {from: {file: odd.txt}}
      drawn: {generate: {bytes: 16, encoding: hex}}
      noted: {from: {file: value.txt}, comment: ours}
      plain: {from: {file: value.txt}}
      gateway: {from: {file: value.txt}, scopes: [ai_gateway]}
`)
		p.run("", 0, secretsync, "apply", "--auto-approve")
		p.verified("gateway unreadable no_scope")
		contains(t, p.run("", 0, secretsync, "verify"),
			"? gateway  unreadable: it lacks the scope workers", "Verified 5 values: 4 match, 1 unreadable.")

		p.dashboard("plain", `{"value": "another"}`)
		p.verified("gateway unreadable no_scope", "plain other")
		contains(t, p.run("", 2, secretsync, "verify"),
			"! plain    mismatch", "Verified 5 values: 3 match, 1 known not to match, 1 unreadable.")
		contains(t, p.run("", 2, secretsync, "drift", "--verify"),
			"~ plain  value known to have changed outside", "Drift: 1 finding in 5 secrets checked.")
		if got := p.drifted(); got != "plain value_changed other" {
			t.Errorf("drift finds %q", got)
		}
		if got := p.planned(true); !strings.HasPrefix(got, "update plain value=true ") || strings.Contains(got, "\n") {
			t.Errorf("a plan has %q", got)
		}
		p.dashboard("plain", `{"value": "second"}`) // changed back
		p.verified("gateway unreadable no_scope")
		if got := p.planned(true); strings.Contains(got, "value=true") {
			t.Errorf("a plan for a value that was changed back sends one: %q", got)
		}

		p.dashboard("noted", `{"comment": "theirs"}`)
		p.verified("gateway unreadable no_scope")
		if got := p.planned(false); !strings.Contains(got, "update noted value=true") {
			t.Errorf("without verification a plan has %q", got)
		}
		if got := p.planned(true); !strings.Contains(got, "update noted value=false comment=true") || strings.Contains(got, "value=true") {
			t.Errorf("a plan for a changed comment has %q", got)
		}
		contains(t, p.run("", 0, secretsync, "apply", "--verify", "--auto-approve"),
			"value known to be the desired one: not sent", "Applied: 1 updated, 1 recorded.")
		contains(t, p.run("", 0, secretsync, "verify"), "Verified 5 values: 4 match, 1 unreadable.")

		p.write("value.txt", "third") // of gateway, noted and plain
		contains(t, p.run("", 0, secretsync, "apply", "--verify", "--auto-approve"),
			"Applied: 3 updated.", "Verified 3 values: 2 match, 1 unreadable.")
		p.ran(6)
	})
}

// TestVerifyMany: 250 secrets are verified in groups, each by an upload of its own.
func TestVerifyMany(t *testing.T) {
	p := newVerifyPlace(t, "node_modules", emulator.Options{MaxSecrets: 250})
	text := "version: 1\nstores:\n  prod:\n    secrets:\n"
	for i := range 250 {
		name := fmt.Sprintf("secret-%03d", i)
		p.write(name+".txt", "value of "+name)
		text += "      " + name + ": {from: {file: " + name + ".txt}}\n"
	}
	p.write("secretsync.yaml", text)
	p.run("", 0, secretsync, "apply", "--auto-approve")
	for _, i := range []int{0, 39, 40, 249} {
		p.dashboard(fmt.Sprintf("secret-%03d", i), `{"value": "another"}`)
	}
	p.emulator.ResetRequests()
	p.verified("secret-000 other", "secret-039 other", "secret-040 other", "secret-249 other")
	uploads, others := 0, 0
	for _, r := range p.emulator.Requests() {
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/edge-preview"):
			uploads++
		case !strings.Contains(r.Path, "/secrets_store/"):
			others++
		}
	}
	if uploads != 7 || uploads+others != 29 {
		t.Errorf("%d uploads and %d other requests, want 7 groups of at most 40 and 29 in all: four for each, and the subdomain", uploads, others)
	}
	p.ran(7)
}

// TestVerifyFails: a preview can fail at each step. The step is named, no conclusion is drawn about
// any value, and the plan is the same as without verification.
func TestVerifyFails(t *testing.T) {
	p := newAppliedPlace(t)
	p.dashboard("changed", `{"comment": "theirs"}`)
	for _, tt := range []struct {
		step  string
		rules []string
	}{
		{"subdomain", []string{"GET /subdomain 404"}},
		{"token", []string{"GET /edge-preview 403"}},
		{"exchange", []string{"GET /__exchange/* 404", "POST /edge-preview 403"}},
		{"upload", []string{"POST /edge-preview 403"}},
		{"run", []string{"POST /__preview/*/ 404"}},
		{"run", []string{"POST /__preview/*/ cut"}},
		{"answer", []string{"POST /__preview/*/ malformed"}},
		{"answer", []string{"POST /__preview/*/ empty"}},
	} {
		p.faults(tt.rules...)
		others, failed := p.verify()
		if failed == nil || !strings.Contains(failed.Error(), fmt.Sprintf("in the step %q", tt.step)) {
			t.Errorf("%q: %v, want the step %q", tt.rules, failed, tt.step)
		}
		if !slices.Equal(others, []string{"changed", "same"}) {
			t.Errorf("%q: believed %q", tt.rules, others)
		}
		p.failed = nil
		if got, want := p.planned(true), p.planned(false); got != want {
			t.Errorf("%q: a plan has %q, without verification %q", tt.rules, got, want)
		}
		if len(p.failed) != 1 || !strings.Contains(p.failed[0].Error(), fmt.Sprintf("in the step %q", tt.step)) {
			t.Errorf("%q: a plan warns of %v", tt.rules, p.failed)
		}
	}
	p.faults("GET /__exchange/* 404") // the session's own token serves
	p.verified()
	p.ran(1)
	if text, err := os.ReadFile(filepath.Join(p.dir, "value.txt")); err != nil || !p.emulator.HasValue(account, "prod", "same", text) {
		t.Errorf("a value was changed: %v", err)
	}
}

// TestWranglerPreviews: the emulator accepts the previews of wrangler dev --remote, whose requests
// the client of the witness imitates. The Worker is not visited: wrangler would look for it at
// workers.dev. (Later versions of wrangler look for it at once.)
func TestWranglerPreviews(t *testing.T) {
	p := newVerifyPlace(t, "node_modules", emulator.Options{})
	p.install("node_modules")
	p.write("index.js", worker)
	p.write("value.txt", "value")
	p.write("secretsync.yaml", "version: 1\nstores: {prod: {secrets: {api-key: {from: {file: value.txt}}}}}\n")
	p.run("", 0, secretsync, "apply", "--auto-approve")
	p.write("wrangler.jsonc", `{"name": "api", "main": "index.js", "compatibility_date": "2026-01-01",
			"secrets_store_secrets": [{"binding": "API_KEY", "store_id": "`+p.id("/stores", "prod")+`", "secret_name": "api-key"}]}`)
	p.emulator.ResetRequests()
	p.env = []string{"CLOUDFLARE_API_BASE_URL=" + p.baseURL, "CLOUDFLARE_API_TOKEN=test-token", "CLOUDFLARE_ACCOUNT_ID=" + account}
	p.wranglerDev(os.Getenv("PATH"), "--remote")
	wants := []string{"GET /subdomain/edge-preview 200", "GET /__exchange/ 200", "GET /subdomain 200", "POST /scripts/api/edge-preview 200"}
	var seen []string
	deadline := time.Now().Add(time.Minute)
	for ; time.Now().Before(deadline) && !slices.Contains(seen, wants[3]); time.Sleep(50 * time.Millisecond) {
		seen = nil
		for _, r := range p.emulator.Requests() {
			path := strings.TrimPrefix(r.Path, "/client/v4/accounts/"+account+"/workers")
			if strings.HasPrefix(path, "/__exchange/") {
				path = "/__exchange/"
			}
			seen = append(seen, fmt.Sprint(r.Method, " ", path, " ", r.Status))
		}
	}
	for _, want := range wants {
		if !slices.Contains(seen, want) {
			t.Errorf("wrangler sent %q, not %s", seen, want)
		}
	}
}
