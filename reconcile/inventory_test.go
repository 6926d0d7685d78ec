package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

func (w *world) inventory() *Inventory {
	w.t.Helper()
	inv, err := w.open().Inventory(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return inv
}

// inventoried is a line for each store and secret: which versions there are, and the source.
func inventoried(inv *Inventory) []string {
	var all []string
	for _, st := range inv.Stores {
		line := st.Key.Name
		for what, holds := range map[string]bool{" unread": st.Unread, " missing": !st.Exists && !st.Unread} {
			if holds {
				line += what
			}
		}
		if st.Others > 0 {
			line += fmt.Sprintf(" %d others", st.Others)
		}
		all = append(all, line)
		for _, sec := range st.Secrets {
			line := sec.Key.Name + ":"
			for _, version := range []struct {
				what string
				has  bool
			}{{" desired", sec.Desired != nil}, {" recorded", sec.Recorded != nil}, {" live", sec.Live != nil}} {
				if version.has {
					line += version.what
				}
			}
			all = append(all, strings.TrimSpace(line+" "+sec.Source))
		}
	}
	return all
}

// An inventory reads no value and needs no key, and sends one request more than drift.
func TestInventory(t *testing.T) {
	w := driftWorld(t)
	w.env = map[string]string{}
	w.live().Create(w.live().Stores[0], "theirs", "v", nil, "")
	w.drop("b")
	inv := w.inventory()
	lines(t, "stores", inventoried(inv), `
		prod
		  a: desired recorded live env A
		  b: desired recorded env B
		  theirs: live`)
	equal(t, "quota", inv.Quotas, map[planner.AccountID]planner.Quota{account: {Usage: 2, Limit: 100}})
	equal(t, "time", inv.Time, w.clock)
	equal(t, "unreachable", inv.Unreachable, error(nil))
	if got := w.live().Transcript(); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "list secrets st1") {
		t.Errorf("calls: %q", got)
	}
	kinds := map[planner.DriftKind]int{}
	for _, d := range inv.Findings {
		kinds[d.Kind]++
	}
	equal(t, "findings", kinds, map[planner.DriftKind]int{planner.DriftDeleted: 1, planner.DriftUnmanaged: 1})
}

// A secret has its own readers. Of an account that cannot be read, nothing is said about the quota.
func TestInventoryReaders(t *testing.T) {
	w := driftWorld(t)
	w.manifest(two + "workers: [wrangler.json]\n")
	w.write("wrangler.json", `{"name": "api", "secrets_store_secrets": [{"binding": "K", "store_id": "st1", "secret_name": "b"}]}`)
	var readers []string
	for _, sec := range w.inventory().Stores[0].Secrets {
		for _, r := range sec.Readers {
			readers = append(readers, sec.Key.Name+": "+r.Worker)
		}
	}
	equal(t, "readers", readers, []string{"b: api"})
}

// A missing key that prevents verification is an event. Secrets that were never applied need no key.
func TestInventoryVerifies(t *testing.T) {
	verify := func(c *Config) { c.Verify = true }
	w := newWorld(t, two)
	w.env = map[string]string{}
	for _, want := range []int{0, 1} {
		if _, err := w.open(verify).Inventory(t.Context()); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for _, e := range w.notified() {
			if _, ok := e.(VerificationFailed); ok {
				failed++
			}
		}
		equal(t, "events about verification", failed, want)
		applied := driftWorld(t)
		applied.env, w = map[string]string{}, applied
	}
}

// Before the first apply, everything is desired. Other environments' secrets are only counted.
func TestInventoryBeforeTheFirstApply(t *testing.T) {
	w := newWorld(t, `stores:
  prod: {prefix: p-, unmanaged: ignore, secrets: {a: {from: {env: A}}}}
`)
	lines(t, "without a store", inventoried(w.inventory()), "prod missing\np-a: desired env A")
	st := w.live().Put("prod")
	w.live().Create(st, "p-theirs", "v", nil, "")
	w.live().Create(st, "q-other", "v", nil, "")
	lines(t, "with one", inventoried(w.inventory()), "prod 2 others\np-a: desired env A")
}

func TestInventoryUnreachable(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {b: {from: {env: A}, rotate_after: 30d}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	w.api.Accounts[other].Down("")
	inv := w.inventory()
	if !errors.Is(inv.Unreachable, enginetest.ErrDown) {
		t.Errorf("unreachable: %v", inv.Unreachable)
	}
	equal(t, "events", w.notified(), []Event(nil))
	lines(t, "stores", inventoried(inv), `
		prod
		  a: desired recorded live env A
		elsewhere unread
		  b: desired recorded env A`)
	if sec := inv.Stores[1].Secrets[0]; sec.Desired.RotateAfter != 30*24*time.Hour || !sec.Recorded.Applied.Equal(start) {
		t.Errorf("the policy is %v, the value was sent at %v", sec.Desired.RotateAfter, sec.Recorded.Applied)
	}
	w.live().Down("")
	if _, err := w.open().Inventory(t.Context()); !errors.Is(err, enginetest.ErrDown) {
		t.Errorf("without any account: %v", err)
	}
}

// watched is an API whose accounts have audit logs and readers.
type watched struct {
	mu       sync.Mutex
	accounts map[planner.AccountID]*watchedAccount
}

type watchedAccount struct {
	Account
	log     []outside.Entry
	readers []outside.Reader
	err     error
	since   time.Time
	reads   int
	before  []outside.Reader
}

func (w *watched) Account(id planner.AccountID, _ string) (Account, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.accounts[id]; a != nil {
		return a, nil
	}
	return struct{ Account }{}, nil // which can do none of this
}

func (w *watched) DefaultAccount() planner.AccountID { return "" }
func (w *watched) Now() time.Time                    { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
func (w *watched) Loopback() bool                    { return true }

func (a *watchedAccount) AuditLog(_ context.Context, since, _ time.Time) ([]outside.Entry, error) {
	a.reads++
	a.since = since
	return a.log, a.err
}

func (a *watchedAccount) Readers(_ context.Context, before []outside.Reader) ([]outside.Reader, error) {
	a.reads++
	a.before = before
	return a.readers, a.err
}

// memory is a cache of readers.
type memory map[planner.AccountID][]outside.Reader

func (m memory) Load(id planner.AccountID) []outside.Reader          { return m[id] }
func (m memory) Save(id planner.AccountID, readers []outside.Reader) { m[id] = readers }

func outsideProject(w *watched, events *[]Event) *Project {
	c := Config{API: w, Who: true, LiveBindings: true, Notify: func(e Event) {
		if !isProgress(e) {
			*events = append(*events, e)
		}
	}}
	return &Project{cfg: c.withDefaults(), manifest: new(manifest.Manifest)}
}

// drifted has a secret in each of several accounts, whose comments were changed.
func drifted(accounts ...planner.AccountID) planner.Input {
	in := planner.Input{Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	for _, id := range accounts {
		k := planner.StoreKey{Account: id, Name: "prod"}
		in.Recorded = append(in.Recorded, planner.RecordedStore{Key: k, ID: "st", Secrets: []planner.RecordedSecret{{Name: "key", ID: "s1", Modified: "2026-11-20T12:00:00Z"}}})
		in.Live = append(in.Live, planner.LiveStore{Key: k, ID: "st", Secrets: []planner.LiveSecret{{Name: "key", ID: "s1", Modified: "2026-11-20T15:00:00Z", Comment: "c"}}})
	}
	return in
}

// TestAttribute: each drifted account's log is read once. What the log shows of values is known,
// and what cannot be read is an event.
func TestAttribute(t *testing.T) {
	entry := func(at planner.Modified, value planner.ValueChange) outside.Entry {
		return outside.Entry{Time: at, Actor: "jane", Method: "PATCH", Store: "st", Secret: "s1", Value: value}
	}
	w := &watched{accounts: map[planner.AccountID]*watchedAccount{
		"kept":    {log: []outside.Entry{entry("2026-11-20T15:00:00Z", planner.ValueKept), entry("2026-11-20T12:00:00Z", planner.ValueModified)}},
		"denied":  {err: errors.New("denied")},
		"partial": {log: []outside.Entry{entry("2026-11-20T15:00:00Z", planner.ValueModified)}, err: errors.New("too long")},
		"same":    {},
	}}
	var events []Event
	in := drifted("kept", "denied", "partial", "none")
	in.Recorded = append(in.Recorded, planner.RecordedStore{Key: planner.StoreKey{Account: "same", Name: "prod"}, ID: "st"})
	before := in.Live[0].Secrets[0]
	outsideProject(w, &events).attribute(t.Context(), &in)
	key := func(id planner.AccountID) planner.SecretKey {
		return planner.StoreKey{Account: id, Name: "prod"}.Secret("key")
	}
	want := map[planner.SecretKey]planner.OutsideChange{
		key("kept"):    {At: "2026-11-20T15:00:00Z", Actor: "jane", Value: planner.ValueKept, MetadataOnly: true},
		key("partial"): {At: "2026-11-20T15:00:00Z", Actor: "jane", Value: planner.ValueModified},
	}
	if diff := cmp.Diff(want, in.Outside); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, st := range in.Live {
		if known := st.Secrets[0].Value == planner.LiveSame; known != (st.Key.Account == "kept") {
			t.Errorf("the value in %s is known: %v", st.Key.Account, known)
		}
	}
	if before.Value != "" || w.accounts["same"].reads != 0 || w.accounts["kept"].reads != 1 {
		t.Errorf("reads %d and %d", w.accounts["same"].reads, w.accounts["kept"].reads)
	}
	if since := w.accounts["kept"].since; since.After(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("the log is read since %s, after our last write", since)
	}
	var unread []string
	for _, e := range events {
		u := e.(AuditLogUnread)
		unread = append(unread, string(u.Account)+": "+u.Err.Error())
	}
	if diff := cmp.Diff([]string{"denied: denied", "none: " + ErrNotSupported.Error(), "partial: too long"}, unread); diff != "" {
		t.Errorf("events, -want +got:\n%s", diff)
	}
}

// TestLiveBindings: what is deployed is added to what is configured, and is kept for the next run.
func TestLiveBindings(t *testing.T) {
	api := outside.Reader{Kind: planner.ReaderDeployed, Name: "api", Uses: []outside.Use{{Binding: "KEY", Store: "st", Secret: "key"}}}
	w := &watched{accounts: map[planner.AccountID]*watchedAccount{
		"a": {readers: []outside.Reader{api, {Kind: planner.ReaderGateway, Name: "chat", Uses: []outside.Use{{Binding: "openai", Store: "st", ID: "s1"}}}}, err: errors.New("some")},
	}}
	var events []Event
	p := outsideProject(w, &events)
	cache := memory{"a": {api}}
	p.cfg.ReaderCache = cache
	in := drifted("a")
	in.References = []planner.Reference{{StoreID: "st", Secret: "key", Worker: "api", Pos: planner.Position{File: "wrangler.toml"}}}
	p.liveBindings(t.Context(), &in)
	want := []planner.Reference{in.References[0], {StoreID: "st", Secret: "key", Reader: planner.ReaderGateway, Worker: "chat", Binding: "openai"}}
	if diff := cmp.Diff(want, in.References); diff != "" || len(in.UnreadReaders) != 1 || len(events) != 1 {
		t.Errorf("%v %v, -want +got:\n%s", in.UnreadReaders, events, diff)
	}
	if len(w.accounts["a"].before) != 1 || len(cache["a"]) != 2 {
		t.Errorf("from the cache %v, to the cache %v", w.accounts["a"].before, cache["a"])
	}
}
