package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// two is a manifest of two secrets with values from the environment.
const two = `stores:
  prod:
    secrets:
      a: {from: {env: A}, scopes: [workers], comment: first}
      b: {from: {env: B}, delete: false}
`

// TestCloseReplaced: a lockfile that git replaces after the last write is not lost, and the error says so.
func TestCloseReplaced(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	run := w.lock()
	if _, err := run.Apply(t.Context(), planned(t, run)); err != nil {
		t.Fatal(err)
	}
	w.write("secretsync.lock", "another branch's\n")
	var replaced *lockfile.ReplacedError
	if err := run.Close(); !errors.As(err, &replaced) || replaced.Saved == "" {
		t.Fatalf("%v", err)
	}
	saved, err := os.ReadFile(replaced.Saved)
	if err != nil || !strings.Contains(string(saved), `"a"`) {
		t.Errorf("%v, %s", err, saved)
	}
	if err := run.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// TestKeyFileIsIgnored: a key file that is older than the repository is kept out of git.
func TestKeyFileIsIgnored(t *testing.T) {
	w := newWorld(t, two)
	if err := os.Mkdir(w.path(".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []bool{false, true} {
		if file {
			w.write(filepath.Base(w.open().KeyFile()), string(testKey.Export().Reveal())+"\n")
		}
		w.lock().Close()
		ignored, err := os.ReadFile(w.path(".gitignore"))
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(string(ignored), "/"+filepath.Base(w.open().KeyFile())+"\n"); has != file {
			t.Errorf("with a key file %v, .gitignore has\n%s", file, ignored)
		}
	}
}

func TestApply(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	report := w.apply()

	if !report.Complete() || len(report.Results) != 3 {
		t.Errorf("want three actions done: %+v", report.Results)
	}
	lines(t, "calls", w.live().Transcript(), `
		list stores
		create store prod
		create st1/a,b`)
	equal(t, "values", w.live().Values(), map[string]string{"prod/a": "va", "prod/b": "vb"})
	lines(t, "records", enginetest.Records(w.disk(), "va", "vb"), `
		prod st1
		a id1 from=env_A value=va scopes=workers comment=first modified=2026-11-27T12:00:00Z applied=0s delete
		b id2 from=env_B value=vb scopes=workers modified=2026-11-27T12:00:00Z applied=0s`)
	equal(t, "key", w.disk().Key.ID, testKey.ID())

	report = w.apply()
	equal(t, "actions of an apply without a change", len(report.Results), 0)
	lines(t, "calls without a change", w.live().Transcript(), "list secrets st1")
}

func TestEveryActionIsNotified(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.apply()
	var done []string
	for _, e := range w.events {
		if e, ok := e.(ActionDone); ok {
			done = append(done, fmt.Sprintf("%s %s %s", e.Result.Action.Op, e.Result.Action.Secret, e.Result.Outcome))
		}
	}
	lines(t, "outcomes", done, `
		create-store  done
		create a done
		create b done`)
}

// The values (generated ones too) and the key are known to the guard before anything is
// printed; names and comments are public.
func TestGuardKnows(t *testing.T) {
	w := newWorld(t, `stores:
  prod:
    secrets:
      a: {from: {env: A}, comment: told}
      drawn: {generate: {encoding: uuid}}
`)
	w.env["A"] = "va"
	w.live().Create(w.live().Put("prod"), "theirs", "", nil, "by hand")
	w.apply()
	for _, v := range []string{"va", w.live().Values()["prod/drawn"], w.env["SECRETSYNC_FINGERPRINT_KEY"]} {
		if !slices.Contains(w.guard.known, v) {
			t.Errorf("the guard does not know a value of %d characters", len(v))
		}
	}
	for _, s := range []string{"prod", "a", "told", "env A", "workers", "theirs", "by hand", "id1", "st1"} {
		if !slices.Contains(w.guard.public, s) {
			t.Errorf("the guard was not told that %q is public", s)
		}
	}
	if slices.Contains(w.guard.public, "va") {
		t.Error("a value is public")
	}
}

func TestApplyRefuses(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	run := w.lock()
	elsewhere := newWorld(t, two)
	elsewhere.env = w.env
	foreign := planned(t, elsewhere.lock())
	unlocked, err := run.Project().Plan(t.Context(), Mode{})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Proposal{"of another run": foreign, "made without the lock": unlocked} {
		if report, err := run.Apply(t.Context(), p); report != nil || err == nil || err.Error() != "the plan does not belong to this run" {
			t.Errorf("a plan %s: %v, %v", name, report, err)
		}
	}

	w.live().Create(w.live().Put("prod"), "a", "theirs", nil, "")
	conflict := planned(t, run)
	lines(t, "plan", actions(conflict.Plan), `
		create prod/b new +value
		problem conflict prod/a`)
	w.live().Transcript()
	if report, err := run.Apply(t.Context(), conflict); report != nil || !errors.Is(err, ErrProblems) {
		t.Errorf("a plan with problems: %v, %v", report, err)
	}
	equal(t, "calls", w.live().Transcript(), []string(nil))
	equal(t, "records", len(w.disk().Stores), 0)
}

// A new run plans from scratch: it does not assume the state at the end of the first run.
func TestLock(t *testing.T) {
	w := newWorld(t, two)
	run := w.lock()
	var held *lockfile.HeldError
	if _, err := w.open().Lock(t.Context()); !errors.As(err, &held) {
		t.Errorf("a second run: %v", err)
	}
	run.Close()
	again, err := w.open().Lock(t.Context())
	if err != nil {
		t.Fatalf("after the first run: %v", err)
	}
	again.Close()
}

func TestLockWaits(t *testing.T) {
	w := newWorld(t, two)
	run := w.lock()
	go func() {
		time.Sleep(20 * time.Millisecond)
		run.Close()
	}()
	again, err := w.open(func(c *Config) { c.LockTimeout = time.Minute }).Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// Git ignores the lock's side file. A .gitignore that cannot be read is an error that leaves
// no lock behind.
func TestLockIgnoresTheSideFile(t *testing.T) {
	w := newWorld(t, two)
	if err := mkdir(w.path(".git")); err != nil {
		t.Fatal(err)
	}
	if err := mkdir(w.path(".gitignore")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.open().Lock(t.Context()); err == nil {
		t.Error("no error with a folder in the place of .gitignore")
	}
	if held, err := lockfile.Held(w.path("secretsync.lock")); held != nil || err != nil {
		t.Errorf("the lock is still held: %v, %v", held, err)
	}
	remove(t, w.path(".gitignore"))
	w.lock()
	if got := read(t, w.path(".gitignore")); !strings.Contains(got, lockfile.SideFile("secretsync.lock")) {
		t.Errorf(".gitignore: %q", got)
	}
}

// actionsOf describes a report with one action per line.
func actionsOf(r *applier.Report) []string {
	var all []string
	for _, res := range r.Results {
		all = append(all, fmt.Sprintf("%s %s/%s %s", res.Action.Op, res.Action.Store.Name, res.Action.Secret, res.Outcome))
	}
	return all
}

// Destroy needs no values: their sources may be gone.
func TestDestroy(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	delete(w.env, "A")
	delete(w.env, "B")
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	report := w.apply(Destroy())
	equal(t, "actions", actionsOf(report), []string{"delete prod/a done", "forget prod/b done"})
	equal(t, "values", w.live().Values(), map[string]string{"prod/b": "vb"})
	lines(t, "records", enginetest.Records(w.disk()), "prod st1")
}

func TestDestroyRefusesAnotherAPI(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.api.OnLoopback = true
	var wrong *OtherAPIError
	if _, err := w.lock().Plan(t.Context(), Destroy()); !errors.As(err, &wrong) || wrong.Emulator {
		t.Errorf("destroying on an emulator what is Cloudflare's: %v", err)
	}
}

// A failed action does not stop the others, and the lockfile records what was done.
func TestApplyGoesOnAfterAFailure(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.env["A"], w.env["B"] = "va2", "vb2"
	w.clock = start.Add(time.Hour)
	refused := errors.New("refused")
	w.live().Before = func(call string) error {
		if strings.HasPrefix(call, "update st1/id1") {
			return refused
		}
		return nil
	}
	report := w.apply()
	equal(t, "actions", actionsOf(report), []string{"update prod/a failed", "update prod/b done"})
	if !errors.Is(report.Results[0].Err, refused) {
		t.Errorf("the cause: %v", report.Results[0].Err)
	}
	lines(t, "records", enginetest.Records(w.disk(), "va", "va2", "vb", "vb2"), `
		prod st1
		a id1 from=env_A value=va scopes=workers comment=first modified=2026-11-27T12:00:00Z applied=0s delete
		b id2 from=env_B value=vb2 scopes=workers modified=2026-11-27T13:00:00Z applied=1h0m0s`)
}

func TestApplyInterrupted(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	run := w.lock()
	p := planned(t, run)
	ctx, cancel := context.WithCancel(t.Context())
	w.live().After = func(string) error { cancel(); return nil }
	report, err := run.Apply(ctx, p)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error: %v", err)
	}
	equal(t, "actions", actionsOf(report), []string{"create-store prod/ done", "create prod/a skipped", "create prod/b skipped"})
	lines(t, "records", enginetest.Records(w.disk()), "prod st1")

	if _, err := run.Plan(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("planning after that: %v", err)
	}
}

// Each account's client has the token that the manifest names.
func TestApplyTokens(t *testing.T) {
	w := newWorld(t, `accounts:
  second: {id: `+strings.ToUpper(string(other))+`, token_env: OTHER_TOKEN}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {a: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	equal(t, "tokens", w.api.Tokens, map[planner.AccountID]string{account: "", other: "OTHER_TOKEN"})
	equal(t, "values", w.api.Accounts[other].Values(), map[string]string{"elsewhere/a": "va"})

	run := w.lock()
	w.env["A"] = "new"
	p := planned(t, run)
	delete(w.api.Accounts, other)
	if report, err := run.Apply(t.Context(), p); report != nil || !errors.Is(err, enginetest.ErrNoClient) {
		t.Errorf("without a client: %v, %v", report, err)
	}
	equal(t, "values", w.live().Values(), map[string]string{"prod/a": "va"})
}

// If everything was applied but the lockfile could not be updated, the error says that only
// this is missing.
func TestApplyNotRefreshed(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.env["A"] = "va2"
	var run *Run
	run = w.lock(func(c *Config) {
		c.Notify = func(e Event) {
			if _, ok := e.(ActionDone); ok {
				run.Close()
			}
		}
	})
	report, err := run.Apply(t.Context(), planned(t, run))
	if !report.Complete() || !errors.Is(err, ErrNotRefreshed) {
		t.Errorf("%v, %v", actionsOf(report), err)
	}
}

// An error of the refresh does not hide an error of the apply.
func TestApplyLockfileLost(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	run := w.lock()
	p := planned(t, run)
	w.live().After = func(string) error { run.Close(); return nil }
	report, err := run.Apply(t.Context(), p)
	if err == nil || errors.Is(err, ErrNotRefreshed) || !strings.Contains(err.Error(), "nothing more is sent") {
		t.Errorf("the error: %v", err)
	}
	equal(t, "actions", actionsOf(report), []string{"create-store prod/ done", "create prod/a skipped", "create prod/b skipped"})
}

// The source of an unchanged value may change, and so may a store's id: both are recorded
// without an action. Records of unfinished writes and of other values are unchanged.
func TestRefresh(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.live().Stores[0].ID, w.clock = "st9", start.Add(time.Hour)
	w.env["C"] = "va"
	w.manifest(strings.Replace(two, "env: A", "env: C", 1))
	report := w.apply()
	equal(t, "actions", len(report.Results), 0)
	lines(t, "calls", w.live().Transcript(), `
		list secrets st1
		list stores
		list secrets st9`)
	lines(t, "records", enginetest.Records(w.disk(), "va", "vb"), `
		prod st9
		a id1 from=env_C value=va scopes=workers comment=first modified=2026-11-27T12:00:00Z applied=0s delete
		b id2 from=env_B value=vb scopes=workers modified=2026-11-27T12:00:00Z applied=0s`)
}

func TestNothingToDoWritesNoLockfile(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {}}}\n")
	w.live().Put("prod")
	w.apply()
	if onDisk(w.path("secretsync.lock")) {
		t.Error("there is a lockfile")
	}
}

// A store that is no longer desired has no policy. Several entries of a manifest may be one
// store: it is deleted if one of them says so.
func TestStorePolicy(t *testing.T) {
	w := newWorld(t, `stores:
  one: {name: prod, prefix: one-, secrets: {a: {from: {env: A}}}}
  two: {name: prod, prefix: two-, delete: true, secrets: {a: {from: {env: A}}}}
  three: {name: prod, prefix: three-, secrets: {a: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.applied()
	equal(t, "store", enginetest.Records(w.disk())[0], "prod st1 delete")
}

// Each outcome of an apply is followed by how far its account is. What was not tried does not count.
func TestApplyingCounts(t *testing.T) {
	var events []Event
	p := &Project{cfg: Config{Notify: func(e Event) { events = append(events, e) }}.withDefaults()}
	action := func(account planner.AccountID) planner.Action {
		return planner.Action{Op: planner.OpCreate, Store: planner.StoreKey{Account: account, Name: "prod"}}
	}
	plan := &planner.Plan{Actions: []planner.Action{action("b"), action("a"), action("b")}}
	outcome, end := p.applying(plan)
	for _, r := range []applier.Result{
		{Action: action("b"), Outcome: applier.Done}, {Action: action("a"), Outcome: applier.Failed, Err: errors.New("refused")},
		{Action: action("a"), Outcome: applier.Done}, {Action: action("b"), Outcome: applier.Skipped},
	} {
		outcome(r)
	}
	end()
	events = slices.DeleteFunc(events, func(e Event) bool { _, ok := e.(ActionDone); return ok })
	want := []Event{
		Progress{PhaseApply, "a", 0, 1}, Progress{PhaseApply, "b", 0, 2},
		Progress{PhaseApply, "b", 1, 2}, Progress{PhaseApply, "a", 1, 1}, Progress{PhaseApply, "a", 1, 1},
		PhaseEnded{PhaseApply},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
