package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// What the tests of the engine's packages share, by short names.
const (
	account = enginetest.DefaultAccount
	other   = enginetest.OtherAccount
)

var (
	start   = enginetest.Start
	prod    = enginetest.Prod
	testKey = enginetest.Key
	equal   = enginetest.Equal
	lines   = enginetest.Lines
)

// fakeAPI is an [API] in memory.
type fakeAPI struct{ *enginetest.API }

func (f fakeAPI) Account(id planner.AccountID, tokenEnv string) (Account, error) {
	a, err := f.API.Account(id, tokenEnv)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// world is a folder with a manifest and a lockfile, an environment, and an API.
type world struct {
	t     testing.TB
	dir   string
	env   map[string]string
	api   fakeAPI
	sops  *fakeSOPS
	guard *fakeGuard
	clock time.Time
	store objectstore.Store // s3://bucket/team; nil for none

	mu     sync.Mutex
	events []Event
}

// newWorld has the manifest, and a fingerprint key in its environment.
func newWorld(t testing.TB, manifest string) *world {
	t.Helper()
	w := &world{
		t: t, dir: t.TempDir(), api: fakeAPI{enginetest.NewAPI()}, sops: &fakeSOPS{}, guard: &fakeGuard{}, clock: start,
		env: map[string]string{"SECRETSYNC_FINGERPRINT_KEY": string(testKey.Export().Reveal())},
	}
	w.api.Clock = func() time.Time { return w.clock }
	w.write("secretsync.yaml", "version: 1\n"+manifest)
	return w
}

// live is the account that is used if nothing names one.
func (w *world) live() *enginetest.Account { return w.api.Accounts[account] }

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// manifest replaces the manifest.
func (w *world) manifest(content string) {
	w.t.Helper()
	w.write("secretsync.yaml", "version: 1\n"+content)
}

// disk is the lockfile as it is on the disk.
func (w *world) disk() *lockfile.File {
	w.t.Helper()
	f, err := lockfile.Read(w.path("secretsync.lock"))
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// config sends one request at a time, so that ids and calls are in the plan's order.
func (w *world) config() Config {
	return Config{
		Objects:  w.objects,
		Manifest: w.path("secretsync.yaml"), API: w.api, SOPS: w.sops, Guard: w.guard, Parallelism: 1,
		LookupEnv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		Notify: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
}

func (w *world) objects(_ context.Context, url string) (objectstore.Store, error) {
	if w.store == nil || url != "s3://bucket/team" {
		return nil, fmt.Errorf("%s is another place", url)
	}
	return w.store, nil
}

// notified returns the events since the last call, without the outcomes of actions and progress.
func (w *world) notified() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var events []Event
	for _, e := range w.events {
		if !isProgress(e) {
			events = append(events, e)
		}
	}
	w.events = nil
	return events
}

// open opens the project, with changes to its configuration.
func (w *world) open(changes ...func(*Config)) *Project {
	w.t.Helper()
	c := w.config()
	for _, change := range changes {
		change(&c)
	}
	p, err := Open(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// lock opens the project and takes its lock, until the test ends.
func (w *world) lock(changes ...func(*Config)) *Run {
	w.t.Helper()
	run, err := w.open(changes...).Lock(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { run.Close() })
	return run
}

// plan plans without the lock.
func (w *world) plan(mode Mode, changes ...func(*Config)) *Proposal {
	w.t.Helper()
	p, err := w.open(changes...).Plan(w.t.Context(), mode)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Close)
	return p
}

// apply plans, applies and releases the lock.
func (w *world) apply(edits ...Edit) *applier.Report {
	w.t.Helper()
	run := w.lock()
	defer run.Close()
	p := planned(w.t, run, edits...)
	report, err := run.Apply(w.t.Context(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// applied applies, and fails the test unless everything was done.
func (w *world) applied() {
	w.t.Helper()
	if report := w.apply(); !report.Complete() {
		w.t.Fatalf("not everything was applied: %+v", report.Results)
	}
	w.live().Transcript()
	w.notified()
}

// planned is a plan of a run.
func planned(t testing.TB, run *Run, edits ...Edit) *Proposal {
	t.Helper()
	p, err := run.Plan(t.Context(), edits...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// actions describes a plan with one action, problem or note per line.
func actions(p *planner.Plan) []string {
	var all []string
	for _, a := range p.Actions {
		line := fmt.Sprintf("%s %s/%s", a.Op, a.Store.Name, a.Secret)
		if a.From != "" {
			line += " from " + a.From
		}
		for _, r := range a.Reasons {
			line += " " + string(r)
		}
		if a.SetValue {
			line += " +value"
		}
		all = append(all, line)
	}
	for _, x := range p.Problems {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("problem %s %s/%s", x.Kind, x.Store.Name, x.Secret), " /"))
	}
	return all
}

// fakeGuard records its calls.
type fakeGuard struct {
	mu     sync.Mutex
	known  []string
	public []string
}

func (g *fakeGuard) Know(v secret.Value) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = append(g.known, string(v.Reveal()))
}

func (g *fakeGuard) Public(s ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.public = append(g.public, s...)
}

// fakeSOPS reads files of lines "key: value nonce". The nonce imitates the randomness of
// SOPS's ciphertexts.
type fakeSOPS struct {
	// recipients receive sealed keys; fail is the error of Seal and Unseal.
	recipients int
	fail       error
	// sealed are the files whose rules were used to seal a key.
	sealed []string
}

type fakeFile map[string][2]string

func (s *fakeSOPS) Open(name, _ string, data []byte) (manifest.SOPSFile, error) {
	f := fakeFile{}
	for line := range strings.Lines(string(data)) {
		parts := strings.Fields(line)
		if len(parts) != 3 {
			return nil, &syntax.Error{Pos: manifest.Position{File: name}, What: "no SOPS file"}
		}
		f[strings.TrimSuffix(parts[0], ":")] = [2]string{parts[1], parts[2]}
	}
	return f, nil
}

func (f fakeFile) Entry(path []string) (manifest.SOPSEntry, error) {
	e, ok := f[strings.Join(path, ".")]
	if !ok {
		return manifest.SOPSEntry{}, &syntax.Error{What: "no such key"}
	}
	return manifest.SOPSEntry{Type: "str", Digest: digestOf(e[0], e[1])}, nil
}

// digestOf is the digest of a value's ciphertext.
func digestOf(value, nonce string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(value+" "+nonce)))
}

func (f fakeFile) Value(_ context.Context, path []string) (secret.Value, error) {
	return secret.New([]byte(f[strings.Join(path, ".")][0])), nil
}

type sealedKey struct {
	SOPS map[string]string `json:"sops"`
	Data []byte            `json:"data"`
}

func (s *fakeSOPS) Seal(_ context.Context, key secret.Value, _, _ string, targets ...string) ([]byte, int, error) {
	if s.fail != nil || s.recipients == 0 {
		return nil, 0, s.fail
	}
	for _, target := range targets {
		s.sealed = append(s.sealed, filepath.Base(target))
	}
	doc, err := json.Marshal(sealedKey{SOPS: map[string]string{"version": "1"}, Data: key.Reveal()})
	return doc, s.recipients, err
}

func (s *fakeSOPS) Unseal(_ context.Context, doc []byte, _ string) (secret.Value, error) {
	var d sealedKey
	if s.fail != nil {
		return secret.Value{}, s.fail
	}
	err := json.Unmarshal(doc, &d)
	return secret.New(d.Data), err
}

// isProgress reports whether an event is about the progress of a run.
func isProgress(e Event) bool {
	switch e.(type) {
	case ActionDone, Progress, PhaseEnded, Waiting, WaitEnded:
		return true
	}
	return false
}
