//go:build e2e

// Package e2e runs third-party clients against the emulator: Cloudflare's wrangler, pinned
// in package.json, and Cloudflare's Go SDK. They show that the emulator is faithful where it
// matters to them, and that they and secretsync see each other's changes.
package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/cloudflare/cloudflare-go/v4/secrets_store"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

const account = program.Account

// place is an empty folder, an emulator, and the programs that use both.
type place struct {
	*testing.T
	dir      string
	baseURL  string
	emulator *emulator.Server
	env      []string // more variables for servers
}

func newPlace(t *testing.T) *place {
	t.Helper()
	return newPlaceWith(t, emulator.Options{})
}

func newPlaceWith(t *testing.T, opts emulator.Options) *place {
	t.Helper()
	e := program.Emulator(t, opts)
	return &place{T: t, dir: t.TempDir(), baseURL: e.BaseURL(), emulator: e.Server}
}

// run runs a program in the folder with the parts of this machine's environment that it
// needs, and returns all its output.
func (p *place) run(stdin string, wantExit int, program string, args ...string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = p.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "CI=1",
		"CLOUDFLARE_API_BASE_URL=" + p.baseURL, "CLOUDFLARE_API_TOKEN=test-token", "CLOUDFLARE_ACCOUNT_ID=" + account,
		"WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "NO_COLOR=1",
	}
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	p.Logf("$ %s %s\n%s", filepath.Base(program), strings.Join(args, " "), out.String())
	if exit := cmd.ProcessState.ExitCode(); exit != wantExit {
		p.Fatalf("exit code %d (%v), want %d", exit, err, wantExit)
	}
	return out.String()
}

func (p *place) wrangler(stdin string, args ...string) string {
	p.Helper()
	bin, err := filepath.Abs("node_modules/.bin/wrangler")
	if err != nil {
		p.Fatal(err)
	}
	return p.run(stdin, 0, bin, append([]string{"secrets-store"}, args...)...)
}

func (p *place) write(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
}

// install gives the folder the packages of a node_modules folder.
func (p *place) install(modules string) {
	p.Helper()
	modules, err := filepath.Abs(modules)
	if err != nil {
		p.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(p.dir, "node_modules")); err != nil {
		p.Fatal(err)
	}
}

// find returns the first 32-digit id in the line that contains word.
func (p *place) find(out, word string) string {
	p.Helper()
	for line := range strings.Lines(out) {
		if strings.Contains(line, word) {
			if id := regexp.MustCompile(`\b[0-9a-f]{32}\b`).FindString(line); id != "" {
				return id
			}
		}
	}
	p.Fatalf("no id in a line with %q", word)
	return ""
}

func contains(t *testing.T, out string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
}

var secretsync string // the binary under test

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "secretsync-e2e")
	if err != nil {
		panic(err)
	}
	secretsync = filepath.Join(dir, "secretsync")
	build := exec.Command("go", "build", "-o", secretsync, "../cmd/secretsync")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

const manifest = `version: 1
stores:
  prod:
    secrets:
      api-key:
        from: {file: api-key.txt}
        comment: made by secretsync
      other-key:
        from: {file: other-key.txt}
`

// TestWranglerAndSecretsync uses one store from both, in turns.
func TestWranglerAndSecretsync(t *testing.T) {
	p := newPlace(t)
	p.write("secretsync.yaml", manifest)
	p.write("api-key.txt", "line one\r\nline two\n")
	p.write("other-key.txt", "smile \U0001F600")

	p.wrangler("", "store", "create", "prod", "--remote")
	store := p.find(p.wrangler("", "store", "list", "--remote"), "prod")

	// secretsync uses the store that wrangler created, and wrangler sees its secrets.
	contains(t, p.run("", 0, secretsync, "apply", "--auto-approve"), "2 created")
	list := p.wrangler("", "secret", "list", store, "--remote")
	contains(t, list, "api-key", "other-key", "made by secretsync", "active")
	if !p.emulator.HasValue(account, "prod", "api-key", []byte("line one\r\nline two\n")) ||
		!p.emulator.HasValue(account, "prod", "other-key", []byte("smile \U0001F600")) {
		t.Error("a value did not arrive byte for byte")
	}
	contains(t, p.run("", 0, secretsync, "plan", "--detailed-exitcode"), "No changes")

	// What wrangler creates is not ours: it is reported and left alone.
	p.wrangler("by hand", "secret", "create", store, "--name", "by-hand", "--scopes", "workers,ai_gateway", "--remote")
	if !p.emulator.HasValue(account, "prod", "by-hand", []byte("by hand")) {
		t.Error("wrangler's value did not arrive")
	}
	contains(t, p.run("", 0, secretsync, "plan", "--detailed-exitcode"), "by-hand", "left alone", "No changes")

	// What wrangler changes outside git is drift, and is repaired.
	apiKey, otherKey := p.find(list, "api-key"), p.find(list, "other-key")
	p.wrangler("stolen", "secret", "update", store, "--secret-id", apiKey, "--value", "stolen", "--scopes", "workers,ai_gateway", "--remote")
	p.wrangler("", "secret", "delete", store, "--secret-id", otherKey, "--remote")
	contains(t, p.run("", 2, secretsync, "drift"), "api-key", "scopes", "other-key", "deleted outside")
	contains(t, p.run("", 0, secretsync, "apply", "--auto-approve"), "1 created", "1 updated")
	contains(t, p.run("", 0, secretsync, "drift"), "No drift")
	if !p.emulator.HasValue(account, "prod", "api-key", []byte("line one\r\nline two\n")) {
		t.Error("the value was not restored")
	}

	// A duplicate keeps the value.
	p.wrangler("", "secret", "duplicate", store, "--secret-id", apiKey, "--name", "copy", "--scopes", "workers", "--remote")
	if !p.emulator.HasValue(account, "prod", "copy", []byte("line one\r\nline two\n")) {
		t.Error("a duplicate has another value")
	}
	contains(t, p.wrangler("", "secret", "get", store, "--secret-id", apiKey, "--remote"), "api-key")
}

// TestSDKSeesWhatSecretsyncMade lists with the typed calls of Cloudflare's SDK.
func TestSDKSeesWhatSecretsyncMade(t *testing.T) {
	p := newPlace(t)
	p.write("secretsync.yaml", manifest)
	p.write("api-key.txt", "one")
	p.write("other-key.txt", "two")
	contains(t, p.run("", 0, secretsync, "apply", "--auto-approve"), "1 store created", "2 created")

	service := secrets_store.NewStoreService(option.WithBaseURL(p.baseURL+"/"), option.WithAPIToken("test-token"))
	// The SDK's helper for such fields is in its root package, which takes minutes to build.
	var inStores secrets_store.StoreListParams
	inStores.AccountID.Value, inStores.AccountID.Present = account, true
	stores, err := service.List(t.Context(), inStores)
	if err != nil || len(stores.Result) != 1 || stores.Result[0].Name != "prod" {
		t.Fatalf("stores %v, error %v", stores, err)
	}
	var inStore secrets_store.StoreSecretListParams
	inStore.AccountID = inStores.AccountID
	pager := service.Secrets.ListAutoPaging(t.Context(), stores.Result[0].ID, inStore)
	names := map[string]string{}
	for pager.Next() {
		names[pager.Current().Name] = pager.Current().Comment
	}
	if pager.Err() != nil || len(names) != 2 || names["api-key"] != "made by secretsync" {
		t.Errorf("the SDK sees %v, error %v", names, pager.Err())
	}
	quota, err := secrets_store.NewQuotaService(service.Options...).Get(t.Context(), secrets_store.QuotaGetParams{AccountID: inStores.AccountID})
	if err != nil || quota.Secrets.Usage != 2 {
		t.Errorf("the SDK sees the quota %v, error %v", quota, err)
	}
}
