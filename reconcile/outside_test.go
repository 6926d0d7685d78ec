package reconcile

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

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

// TestReadersOf: each secret of the manifest and the lockfile is listed once, and others if
// something reads them.
func TestReadersOf(t *testing.T) {
	in := drifted("a")
	in.Desired = []planner.DesiredStore{{Key: in.Recorded[0].Key, Secrets: []planner.DesiredSecret{{Name: "key"}, {Name: "new"}}}}
	refs := []planner.Reference{
		{StoreID: "st", Secret: "key", Worker: "api"}, {StoreID: "st", Secret: "key", Worker: "shop"},
		{StoreID: "st", Secret: "other", Worker: "api"}, {StoreID: "x", Secret: "key", Worker: "api"},
	}
	var got []string
	for _, s := range readersOf(in, refs, map[planner.StoreID]planner.AccountID{"x": "a", "st": "a"}) {
		text := s.Key.Store.Name + "/" + string(s.StoreID) + "/" + s.Key.Name
		if s.Managed {
			text += " managed"
		}
		for _, r := range s.Readers {
			text += " " + r.Worker
		}
		got = append(got, text)
	}
	want := []string{"/x/key api", "prod/st/key managed api shop", "prod/st/new managed", "prod/st/other api"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
