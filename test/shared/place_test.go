package shared

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/page"
	"github.com/secretsync/secretsync/test/program"
	"github.com/secretsync/secretsync/test/s3test"
)

// place is the folders of several repositories, an account and an object store.
type place struct {
	page.Shell
	emulator *emulator.Embedded
	stall    atomic.Bool // whether requests that create secrets get no answer
	holder   *exec.Cmd   // a run that waits for such an answer

	mu       sync.Mutex
	requests []string // to the object store, as "METHOD PATH"
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{Shell: page.Shell{T: t, Root: t.TempDir()}}
	p.emulator = program.Emulator(t, emulator.Options{Fault: func(r *http.Request) emulator.Fault {
		if r.Method == http.MethodPost && p.stall.Load() {
			return program.Fault(t, "stall")
		}
		return emulator.Fault{}
	}})
	store := s3test.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.Env = program.Environment(p.emulator.BaseURL())
	maps.Copy(p.Env, s3test.Environment(server.URL))
	maps.Copy(p.Env, map[string]string{
		"HOME": t.TempDir(), "PATH": os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "dev", "GIT_AUTHOR_EMAIL": "dev@example.com", "GIT_COMMITTER_NAME": "dev", "GIT_COMMITTER_EMAIL": "dev@example.com",
		"STRIPE_KEY": "value of stripe", "DB_PASSWORD": "value of the database", "SMTP_KEY": "value of smtp",
	})
	for _, folder := range []string{"admin", "shop", "billing", "branch"} {
		program.Must(t, os.MkdirAll(p.Path(folder), 0o755))
	}
	return p
}

// must runs commands that succeed.
func (p *place) must(folder string, commands ...string) {
	p.T.Helper()
	for _, c := range commands {
		if code, out := p.Bash(folder, c); code != 0 {
			p.T.Fatalf("$ %s\nexit code %d\n%s", c, code, out)
		}
	}
}

// existingProject is shop before it uses a bucket.
func (p *place) existingProject() {
	p.T.Helper()
	before := strings.Replace(named(p.T, "shop/secretsync.yaml"), "lockfile: r2://secretsync-state/team/shop.lock\n", "", 1)
	p.Write("shop/secretsync.yaml", before+"\n")
	p.must("shop", "git init --quiet", "secretsync apply --auto-approve", "git add secretsync.yaml secretsync.lock", "git commit --quiet -m start")
}

// states are what the page tells about before a block of commands.
var states = map[string]func(*place){
	"held":    (*place).hold,
	"killed":  (*place).kill,
	"older":   (*place).older,
	"history": (*place).history,
}

// hold starts an apply in shop that creates another secret, and waits until it has sent the request.
func (p *place) hold() {
	p.T.Helper()
	manifest, err := os.ReadFile(p.Path("shop/secretsync.yaml"))
	program.Must(p.T, err)
	p.Write("shop/secretsync.yaml", string(manifest)+"      smtp-key: {from: {env: SMTP_KEY}}\n")
	p.stall.Store(true)
	p.emulator.ResetRequests()
	p.holder = exec.CommandContext(p.T.Context(), "secretsync", "apply", "--auto-approve")
	p.holder.Dir, p.holder.Env = p.Path("shop"), p.Environment()
	program.Must(p.T, p.holder.Start())
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if slices.ContainsFunc(p.emulator.Requests(), func(r emulator.Request) bool { return r.Method == http.MethodPost }) {
			return
		}
		if time.Now().After(deadline) {
			p.T.Fatal("the apply does not send its request")
		}
	}
}

// kill ends that apply.
func (p *place) kill() {
	p.T.Helper()
	program.Must(p.T, p.holder.Process.Kill())
	_ = p.holder.Wait()
	p.stall.Store(false)
}

// older applies twice in a repository whose lockfile is in git, and checks out the first one again.
func (p *place) older() {
	p.T.Helper()
	p.Write("branch/secretsync.yaml", `version: 1
lease: r2://secretsync-state/branch
stores:
  default_secrets_store:
    prefix: branch-
    secrets:
      key: {from: {env: BRANCH_KEY}}
`)
	p.Env["BRANCH_KEY"] = "value of a branch"
	p.must("branch", "git init --quiet", "secretsync apply --auto-approve", "git add secretsync.lock", "git commit --quiet -m first")
	p.Env["BRANCH_KEY"] = "another value of a branch"
	p.must("branch", "secretsync apply --auto-approve", "git checkout --quiet secretsync.lock")
}

// history writes two versions of a lockfile to the bucket with versions.
func (p *place) history() {
	p.T.Helper()
	p.Env["STRIPE_KEY"] = "another value of stripe"
	const s3 = "s3://team-state/team/shop.lock"
	p.Write("admin/secretsync.yaml", strings.Replace(named(p.T, "shop/secretsync.yaml"), "r2://secretsync-state/team/shop.lock", s3, 1)+"\n")
	p.must("admin", "secretsync apply --auto-approve --adopt=overwrite")
	first := p.object("/team-state/team/shop.lock")
	p.Env["STRIPE_KEY"] = "a third value of stripe"
	p.must("admin", "secretsync apply --auto-approve")
	if p.object("/team-state/team/shop.lock") == first {
		p.T.Fatal("the lockfile did not change")
	}
	list := p.object("/team-state?versions&prefix=team/shop.lock")
	ids := versionIDs(list)
	if len(ids) < 2 {
		p.T.Fatalf("%d versions: %s", len(ids), list)
	}
	for _, id := range ids {
		if p.object("/team-state/team/shop.lock?versionId="+id) == first {
			p.Env["VERSION"] = id
		}
	}
	if p.Env["VERSION"] == "" {
		p.T.Fatal("the first lockfile is not among the versions")
	}
	p.Write("admin/first", first)
}

// object reads from the object store.
func (p *place) object(path string) string {
	p.T.Helper()
	req, err := http.NewRequestWithContext(p.T.Context(), http.MethodGet, p.Env["AWS_ENDPOINT_URL_S3"]+path, nil)
	program.Must(p.T, err)
	resp, err := http.DefaultClient.Do(req)
	program.Must(p.T, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	program.Must(p.T, err)
	if resp.StatusCode != http.StatusOK {
		p.T.Fatalf("GET %s: %s", path, resp.Status)
	}
	return string(data)
}

// checkEnd checks what no command of the page shows.
func (p *place) checkEnd() {
	p.T.Helper()
	for name, value := range map[string]string{"shop-smtp-key": p.Env["SMTP_KEY"], "billing-db-password": p.Env["DB_PASSWORD"]} {
		if !p.emulator.HasValue(program.Account, "default_secrets_store", name, []byte(value)) {
			p.T.Errorf("%s has not the value that it should have", name)
		}
	}
	first, err := os.ReadFile(p.Path("admin/first"))
	program.Must(p.T, err)
	if p.object("/team-state/team/shop.lock") != string(first) {
		p.T.Error("the older version was not restored")
	}
}

// take returns how many requests of each method the object store got since the last call.
func (p *place) take() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := map[string]int{}
	for _, r := range p.requests {
		method, _, _ := strings.Cut(r, " ")
		n[method]++
	}
	p.requests = nil
	return n
}
