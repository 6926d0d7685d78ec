//go:build recipes

// Package recipes runs the recipes for CI: the scripts of action.yml, examples/github
// and examples/gitlab, and the containers of examples/kubernetes, with bash, git and
// the real program, against the emulator, in a repository with a bare origin. The programs
// that run them elsewhere (GitHub's runner, gh, GitLab's runner, a kubelet) are imitated as
// far as the recipes use them; anything else fails the test.
//
// Run it with make recipes.
package recipes

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/emulator"
)

// gitHubServer is what GITHUB_SERVER_URL is at github.com.
const gitHubServer = "https://github.com"

const (
	account = "0123456789abcdef0123456789abcdef"
	store   = "default_secrets_store"
)

// place is a repository with its origin, an emulator with two tokens, a fake GitHub, and
// everything that a runner wrote.
type place struct {
	t         *testing.T
	origin    string // a bare repository
	dev       string // a developer's clone
	bin       string // what runners have on their PATH
	emulator  *emulator.Embedded
	fault     func(*http.Request) emulator.Fault
	workspace string   // of the latest runner
	broken    bool     // whether runners have a program that ends without a report
	tokens    sync.Map // seen in requests
	github    fakeGitHub
	githubURL string
	server    string // as runners know GitHub
	bucket    *bucket
	applyYML  string // the workflow that applies
	gitLabYML string

	identity, recipient   string
	readToken, writeToken string
	values                map[string]string // in the SOPS file, by key
	keyID                 string            // of the fingerprint key, if it is pinned
	artifact              []byte
	sarif                 []byte // for code scanning
	written               []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	root := t.TempDir()
	p := &place{
		t: t, origin: filepath.Join(root, "origin.git"), dev: filepath.Join(root, "dev"), bin: filepath.Join(root, "bin"),
		readToken: "read-" + rand.Text(), writeToken: "write-" + rand.Text(), values: map[string]string{}, server: gitHubServer,
		applyYML: "examples/github/apply.yml", gitLabYML: "examples/gitlab/.gitlab-ci.yml",
	}
	p.startEmulator()
	p.github.origin = p.origin
	p.githubURL = p.github.start(t)
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	p.identity, p.recipient = identity.String(), identity.Recipient().String()
	self, err := os.Executable()
	must(t, err)
	must(t, os.MkdirAll(p.bin, 0o755))
	must(t, os.Symlink(self, filepath.Join(p.bin, "gh")))
	must(t, os.Symlink(program(t), filepath.Join(p.bin, "secretsync")))

	git(t, "", "init", "--quiet", "--bare", "--initial-branch=main", p.origin)
	git(t, p.origin, "config", "uploadpack.allowAnySHA1InWant", "true") // as GitHub does
	git(t, "", "clone", "--quiet", p.origin, p.dev)
	git(t, p.dev, "checkout", "--quiet", "-b", "main")
	write(t, filepath.Join(p.dev, ".sops.yaml"), "creation_rules:\n  - age: "+p.recipient+"\n")
	p.commit("start")
	git(t, p.dev, "push", "--quiet", "origin", "main")
	t.Cleanup(p.checkNothingLeaked)
	return p
}

func (p *place) startEmulator() {
	e, err := emulator.Listen(p.t.Context(), "127.0.0.1:0", emulator.Options{
		Tokens: map[string][]emulator.Permission{p.readToken: {emulator.SecretsStoreRead}, p.writeToken: {emulator.SecretsStoreWrite}},
		Fault: func(r *http.Request) emulator.Fault {
			p.tokens.Store(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), nil)
			if p.fault == nil {
				return emulator.Fault{}
			}
			return p.fault(r)
		},
	})
	must(p.t, err)
	p.t.Cleanup(e.Stop)
	p.emulator = e
}

// installInto installs the program where an earlier step of the job would have.
func (p *place) installInto(temp string) {
	must(p.t, os.MkdirAll(filepath.Join(temp, "secretsync"), 0o755))
	path := filepath.Join(temp, "secretsync", "secretsync")
	must(p.t, os.Symlink(program(p.t), path))
	if p.broken {
		breakProgram(p.t, path)
	}
}

// environment is the whole environment of a script on a runner. Nothing from this machine is in it,
// which could hide a gap in a recipe.
func (p *place) environment(more map[string]string) map[string]string {
	env := map[string]string{
		"PATH": p.bin + ":" + os.Getenv("PATH"), "HOME": p.t.TempDir(), "GIT_CONFIG_NOSYSTEM": "1",
		"CLOUDFLARE_API_BASE_URL": p.emulator.BaseURL(), "FAKE_GITHUB": p.githubURL, "FAKE_GITHUB_SERVER": p.server, "GOJQ": os.Getenv("GOJQ"),
	}
	if p.bucket != nil {
		env["AWS_ENDPOINT_URL_S3"], env["AWS_EC2_METADATA_DISABLED"] = p.bucket.url, "true"
	}
	maps.Copy(env, more)
	return env
}

// expressions are the values that GitHub would have for an event.
func (p *place) expressions(event map[string]string) map[string]string {
	v := map[string]string{
		"github.repository": "team/secrets", "github.token": "github-token", "github.action_ref": "main",
		"github.server_url": p.server, "github.sha": event["sha"],
		"github.event_name": "", "github.event.pull_request.number": "", "github.event.pull_request.head.repo.full_name": "",
		"github.event.pull_request.head.sha": "",
		"github.event.pull_request.base.sha": "", "github.event.merge_group.base_sha": "", "github.event.merge_group.head_sha": "",
		"github.event.merge_group.head_ref": "",
		"inputs.plan_id":                    "", "vars.CLOUDFLARE_ACCOUNT_ID": account, "vars.PUSHGATEWAY_URL": "", "vars.SECRETSYNC_FINGERPRINT_KEY_ID": p.keyID,
		"secrets.CLOUDFLARE_READ_TOKEN": p.readToken, "secrets.CLOUDFLARE_WRITE_TOKEN": p.writeToken,
		"secrets.SOPS_AGE_KEY": p.identity, "secrets.SECRETSYNC_FINGERPRINT_KEY": "", "secrets.LOCKFILE_TOKEN": "",
	}
	for name, value := range p.bucket.secrets() {
		v["secrets."+name] = value
	}
	if fork := event["github.event.pull_request.head.repo.full_name"]; fork != "" && fork != v["github.repository"] {
		for name := range v { // a fork gets neither
			if strings.HasPrefix(name, "secrets.") || strings.HasPrefix(name, "vars.") {
				v[name] = ""
			}
		}
	}
	maps.Copy(v, event)
	return v
}

// live fails the test unless a secret has the value in Cloudflare.
func (p *place) live(name, value string) {
	p.t.Helper()
	if !p.emulator.HasValue(account, store, name, []byte(value)) {
		p.t.Errorf("%s has not the value that it should have", name)
	}
}

// usedOnly fails the test unless all requests since the last call had one token.
func (p *place) usedOnly(token string) {
	p.t.Helper()
	p.tokens.Range(func(used, _ any) bool {
		if used != token {
			p.t.Error("a job used a token that is not for it")
		}
		return true
	})
	p.tokens.Clear()
}

// writes counts requests that can change something, since the last call.
func (p *place) writes() int {
	n := 0
	for _, r := range p.emulator.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	p.emulator.ResetRequests()
	return n
}

// recorded fails the test unless the lockfile of a branch has a text.
func (p *place) recorded(branch, text string) {
	p.t.Helper()
	if lock := git(p.t, p.origin, "show", branch+":secretsync.lock"); !strings.Contains(lock, text) {
		p.t.Fatalf("the lockfile of %s lacks %s:\n%s", branch, text, lock)
	}
}

// refuseUpdates is a fault: updates of secrets are refused, and everything else is done.
func refuseUpdates(r *http.Request) emulator.Fault {
	if r.Method == http.MethodPatch {
		return emulator.Fault{Kind: emulator.FaultForbidden}
	}
	return emulator.Fault{}
}

// dashboard changes a secret's value outside git.
func (p *place) dashboard(name, value string) {
	p.t.Helper()
	stores := p.api("GET", "/stores", nil)
	secrets := "/stores/" + stores[0].ID + "/secrets"
	for _, s := range p.api("GET", secrets, nil) {
		if s.Name == name {
			p.api("PATCH", secrets+"/"+s.ID, map[string]string{"value": value})
		}
	}
	p.emulator.ResetRequests()
	p.tokens.Clear()
}

type named struct{ ID, Name string }

func (p *place) api(method, path string, body any) []named {
	p.t.Helper()
	data, err := json.Marshal(body)
	must(p.t, err)
	url := p.emulator.BaseURL() + "/accounts/" + account + "/secrets_store" + path
	req, err := http.NewRequestWithContext(p.t.Context(), method, url, bytes.NewReader(data))
	must(p.t, err)
	req.Header.Set("Authorization", "Bearer "+p.writeToken)
	resp, err := http.DefaultClient.Do(req)
	must(p.t, err)
	defer resp.Body.Close()
	var envelope struct {
		Success bool
		Result  json.RawMessage
	}
	must(p.t, json.NewDecoder(resp.Body).Decode(&envelope))
	if !envelope.Success {
		p.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	var found []named
	_ = json.Unmarshal(envelope.Result, &found) // an object instead of a list
	return found
}

// checkNothingLeaked searches everything written for values and credentials.
func (p *place) checkNothingLeaked() {
	all := strings.Join(p.written, "\n")
	for _, c := range p.github.comments {
		all += c.Body
	}
	for _, i := range p.github.issues {
		all += i.Title + i.Body
	}
	all += git(p.t, p.origin, "log", "--all", "--patch")
	looked := []string{p.readToken, p.writeToken, p.identity}
	for _, secret := range p.bucket.secrets() {
		if secret != "" {
			looked = append(looked, secret)
		}
	}
	for _, v := range p.values {
		looked = append(looked, v)
	}
	for _, secret := range looked {
		if strings.Contains(all, secret) {
			p.t.Errorf("a value or a credential was written")
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
