//go:build recipes

package recipes

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/test/s3test"
)

// bucketLockfile is the lockfile of the recipes that have one in a bucket.
const bucketLockfile = "r2://team-state/secrets/team.lock"

// bucket is an object store that knows two users: one reads, the other one also writes.
type bucket struct {
	url                    string
	reader, readerSecret   string
	writer, writerSecret   string
	mu                     sync.Mutex
	reads, writes, refused int
}

// useBucket gives the place a bucket, and the recipes that go with it.
func (p *place) useBucket() {
	b := &bucket{reader: "reader-" + rand.Text(), readerSecret: rand.Text(), writer: "writer-" + rand.Text(), writerSecret: rand.Text()}
	store := s3test.New("team-state")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.allows(r) {
			store.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code></Error>"))
	}))
	p.t.Cleanup(server.Close)
	b.url = server.URL
	p.bucket, p.applyYML, p.gitLabYML = b, "examples/github/apply-shared.yml", "examples/gitlab/shared.gitlab-ci.yml"
}

// allows reports whether the user may send a request. It does not check the signature.
func (b *bucket) allows(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	reads := r.Method == http.MethodGet
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	switch user, _, _ := strings.Cut(credential, "/"); {
	case reads && (user == b.reader || user == b.writer):
		b.reads++
	case user == b.writer:
		b.writes++
	default:
		b.refused++
		return false
	}
	return true
}

// secrets are the bucket's variables in CI; empty ones without a bucket.
func (b *bucket) secrets() map[string]string {
	if b == nil {
		b = new(bucket)
	}
	return map[string]string{
		"BUCKET_READ_KEY_ID": b.reader, "BUCKET_READ_SECRET_KEY": b.readerSecret,
		"BUCKET_WRITE_KEY_ID": b.writer, "BUCKET_WRITE_SECRET_KEY": b.writerSecret,
	}
}

// took returns how often the bucket was read and written since the last call. A request that a job
// may not send fails the test.
func (p *place) took() (reads, writes int) {
	p.t.Helper()
	b := p.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused > 0 {
		p.t.Errorf("%d requests with the wrong credentials", b.refused)
	}
	reads, writes = b.reads, b.writes
	b.reads, b.writes, b.refused = 0, 0, 0
	return reads, writes
}

// onlyRead fails the test unless the bucket was read, and not written, since the last call.
func (p *place) onlyRead() {
	p.t.Helper()
	if reads, writes := p.took(); reads == 0 || writes > 0 {
		p.t.Errorf("the bucket was read %d times and written %d times", reads, writes)
	}
}

// committedNothing fails the test unless main is still at sha, and there are no branches except those
// that developers pushed.
func (p *place) committedNothing(sha string) {
	p.t.Helper()
	if now := p.sha(p.origin, "main"); now != sha {
		p.t.Errorf("main is at %s, not at %s", now, sha)
	}
	if list := git(p.t, p.origin, "branch", "--list", "secretsync-*"); list != "" {
		p.t.Errorf("branches were pushed: %s", list)
	}
}

// TestGitHubShared goes through the life of a repository whose lockfile is in a bucket.
func TestGitHubShared(t *testing.T) {
	p := newPlace(t)
	p.useBucket()
	job := parse[workflow](t, p.applyYML).Jobs["apply"]
	for what, permission := range job.Permissions {
		if permission != "read" {
			t.Errorf("the job may %s: %s", what, permission)
		}
	}
	p.branch("first", one("a"))
	p.plan("first", 1).ends(false)
	p.onlyRead()
	sha := p.merged("first", 1)
	p.apply(sha).ends(false)
	p.live("a", p.values["a"])
	if _, writes := p.took(); writes == 0 {
		t.Error("nothing was recorded")
	}
	p.committedNothing(sha)

	// Again: the newest lockfile is found, and nothing is sent.
	p.writes()
	p.apply(sha).ends(false)
	if p.writes() != 0 {
		t.Error("a second apply did something")
	}
	p.took()
	p.drift().ends(false)
	p.onlyRead()
	p.dashboard("a", "changed")
	p.drift().ends(true)
	p.onlyRead()
	if len(p.github.issues) != 1 {
		t.Errorf("issues: %+v", p.github.issues)
	}

	// What was not reviewed is not applied.
	p.branch("second", one("b"))
	sha = p.merged("second", 2)
	p.writes()
	p.apply(sha).ends(true).says("no plan was reviewed")
	if p.writes() != 0 {
		t.Error("something was written")
	}
	p.committedNothing(sha)
}

// TestGitLabShared does the same at GitLab, with Kubernetes looking for drift.
func TestGitLabShared(t *testing.T) {
	p := newPlace(t)
	p.useBucket()
	secrets := p.withSecrets()
	for name, value := range p.bucket.secrets() {
		secrets[name] = value
	}
	p.branch("first", one("a"))
	p.pipeline(p.preview("first"), secrets).exits("secretsync-plan", 0)
	p.onlyRead()
	sha := p.merge("first")
	main := p.pipeline(sha, secrets)
	main.exits("secretsync-plan-merged", 0)
	p.onlyRead()
	main.exits("secretsync-apply", 0)
	p.live("a", p.values["a"])
	p.took()
	p.writes()
	main.exits("secretsync-apply", 0)
	if p.writes() != 0 {
		t.Error("a second apply did something")
	}
	p.took()
	p.pipeline(sha, secrets).exits("secretsync-drift", 0)
	p.onlyRead()

	pod := parse[cronJob](t, "examples/kubernetes/cronjob.yaml").Spec.JobTemplate.Spec.Template.Spec
	if code, log := p.pod(pod); code != 0 {
		t.Fatalf("exit code %d without drift: %s", code, log)
	}
	p.onlyRead()
	p.dashboard("a", "changed")
	if code, log := p.pod(pod); code != 2 {
		t.Fatalf("exit code %d with drift: %s", code, log)
	}
	p.pipeline(sha, secrets).exits("secretsync-drift", 2)
	p.onlyRead()
	p.committedNothing(sha)
}
