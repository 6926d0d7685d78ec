package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// importWorld lost its lockfile.
func importWorld(t *testing.T) *world {
	w := newWorld(t, `stores:
  prod:
    prefix: p-
    delete: true
    secrets:
      a: {from: {sops: values.yaml, key: a}}
      drawn: {generate: {encoding: uuid}, delete: false}
      later: {from: {sops: values.yaml, key: a}}
      shared: {external: true}
`)
	w.write("values.yaml", "a: va n1\n")
	st := w.live().Put("prod")
	for _, name := range []string{"p-a", "p-drawn", "p-shared", "p-theirs", "q-elsewhere"} {
		w.live().Create(st, name, "live", []string{"workers"}, "of "+name)
	}
	return w
}

func find(t *testing.T, run *Run) *Found {
	t.Helper()
	found, err := run.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(found.Close)
	return found
}

func TestImport(t *testing.T) {
	w := importWorld(t)
	run := w.lock()
	found := find(t, run)
	var live []string
	for _, s := range found.Live {
		live = append(live, s.Key.Name+" "+s.Source)
	}
	equal(t, "live", live, []string{"p-a sops values.yaml#a", "p-drawn generate uuid"})
	equal(t, "missing", found.Missing, []planner.SecretKey{prod.Secret("p-later")})
	equal(t, "unmanaged", found.Unmanaged, []planner.SecretKey{prod.Secret("p-theirs")})
	lines(t, "calls", w.live().Transcript(), "list stores\nlist secrets st1")
	if onDisk(w.path("secretsync.lock")) {
		t.Error("there is a lockfile before the import")
	}

	if err := run.Import(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	lines(t, "calls of the import", w.live().Transcript(), "")
	got := enginetest.Records(w.disk(), "va")
	for i := range got { // a digest that is not a number
		got[i] = strings.ReplaceAll(got[i], strings.TrimLeft(strings.TrimPrefix(digestOf("va", "n1"), "sha256:"), "0"), "DIGEST")
	}
	lines(t, "records", got, `
		prod st1 delete
		p-a id1 from=sops_values.yaml#a value=va digest=DIGEST scopes=workers comment=of p-a modified=2026-11-27T12:00:00Z applied=0s delete
		p-drawn id2 from=generate_uuid scopes=workers comment=of p-drawn modified=2026-11-27T12:00:00Z applied=0s`)
	equal(t, "key", w.disk().Key.ID, testKey.ID())

	if again, err := run.Find(t.Context()); again != nil || !errors.Is(err, ErrHasRecords) || !strings.HasPrefix(err.Error(), w.path("secretsync.lock")) {
		t.Errorf("a second import: %v, %v", again, err)
	}
	run.Close()
	lines(t, "plan", actions(w.plan(Mode{}).Plan), "create prod/p-later new +value")
}

// An import creates the fingerprint key if there is none.
func TestImportCreatesTheKey(t *testing.T) {
	w := importWorld(t)
	w.env = map[string]string{}
	run := w.lock()
	if err := run.Import(t.Context(), find(t, run)); err != nil {
		t.Fatal(err)
	}
	equal(t, "events", w.notified(), []Event{KeyCreated{ID: w.disk().Key.ID, File: w.path("secretsync.key")}})
	run.Close()
	lines(t, "plan", actions(w.plan(Mode{}).Plan), "create prod/p-later new +value")

	w = importWorld(t)
	w.env = map[string]string{}
	w.sops.fail = enginetest.ErrDown
	run = w.lock()
	if err := run.Import(t.Context(), find(t, run)); !errors.Is(err, enginetest.ErrDown) {
		t.Errorf("a key that cannot be sealed: %v", err)
	}
	if onDisk(w.path("secretsync.lock")) {
		t.Error("there is a lockfile")
	}
}

// A partial lockfile is worse than none.
func TestFindUnreachable(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {b: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.api.Add(other).Down("")
	run := w.lock()
	if found, err := run.Find(t.Context()); found != nil || !errors.Is(err, enginetest.ErrDown) {
		t.Errorf("%v, %v", found, err)
	}
	delete(w.env, "A")
	var values *ValuesError
	if found, err := run.Find(t.Context()); found != nil || !errors.As(err, &values) {
		t.Errorf("a value not available: %v, %v", found, err)
	}
}

func TestDraftUnmanaged(t *testing.T) {
	w := newWorld(t, `stores:
  rest: {name: prod, prefix: "", secrets: {}}
  shop: {name: prod, prefix: p-, secrets: {known: {from: {env: A}}, ext: {external: true}}}
  second: {name: second, create: true, prefix: s-, secrets: {}}
`)
	w.env["A"] = "va"
	st := w.live().Put("prod")
	w.live().Create(st, "p-ext", "v", []string{"workers"}, "")
	w.applied()
	for _, name := range []string{"p-new", "p-", "other", "other-2"} {
		w.live().Create(st, name, "v", []string{"access"}, "of "+name)
	}
	second := w.live().Put("second")
	w.live().Create(second, "s-1", "v", nil, "")
	w.live().Create(second, "outside", "v", nil, "")
	drafts, err := w.open().DraftUnmanaged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "drafts", drafts, []manifest.DraftStore{
		{Label: "rest", Secrets: []manifest.DraftSecret{
			{Label: "other", Comment: "of other", Scopes: []string{"access"}},
			{Label: "other-2", Comment: "of other-2", Scopes: []string{"access"}},
		}},
		{Label: "shop", Secrets: []manifest.DraftSecret{{Label: "new", Comment: "of p-new", Scopes: []string{"access"}}}},
		{Label: "second", Secrets: []manifest.DraftSecret{{Label: "1"}}},
	})

	w.live().Down("")
	if _, err := w.open().DraftUnmanaged(t.Context()); !errors.Is(err, enginetest.ErrDown) {
		t.Errorf("%v", err)
	}
	w.api.Default = ""
	if _, err := w.open().DraftUnmanaged(t.Context()); !errors.Is(err, ErrNoAccount) {
		t.Errorf("%v", err)
	}
}

// A draft of a first manifest has everything in the account. A store whose name cannot be a
// label gets one.
func TestDraftAccount(t *testing.T) {
	w := newWorld(t, two)
	for _, name := range []string{"prod", "my store"} {
		w.live().Create(w.live().Put(name), "a", "v", []string{"access"}, "of "+name)
	}
	drafts, err := DraftAccount(t.Context(), Config{API: w.api})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "drafts", drafts, []manifest.DraftStore{
		{Label: "prod", Secrets: []manifest.DraftSecret{{Label: "a", Comment: "of prod", Scopes: []string{"access"}}}},
		{Label: "store-2", Name: "my store", Secrets: []manifest.DraftSecret{{Label: "a", Comment: "of my store", Scopes: []string{"access"}}}},
	})
	equal(t, "calls", slices.Compact(w.live().Transcript()), []string{"list stores", "list secrets st1", "list secrets st2"})

	for _, call := range []string{"list stores", "list secrets"} {
		w.live().Down(call)
		if _, err := DraftAccount(t.Context(), Config{API: w.api}); !errors.Is(err, enginetest.ErrDown) {
			t.Errorf("%s: %v", call, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.live().Before = nil
	if _, err := DraftAccount(ctx, Config{API: w.api}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := DraftAccount(t.Context(), Config{API: w.api, Account: string(other)}); !errors.Is(err, enginetest.ErrNoClient) {
		t.Errorf("without a client: %v", err)
	}
	if _, err := DraftAccount(t.Context(), Config{API: w.api, Account: "x"}); !errors.Is(err, ErrBadAccount) {
		t.Errorf("a bad account: %v", err)
	}
}
