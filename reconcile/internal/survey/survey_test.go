package survey

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// client is the client of an account that has an audit log and readers.
type client struct {
	log     []outside.Entry
	readers []outside.Reader
	err     error
	before  []outside.Reader // the cached readers that it was given
}

func (c *client) AuditLog(_ context.Context, since, before time.Time) ([]outside.Entry, error) {
	if !before.Equal(now) || since.After(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)) {
		return nil, errors.New("another time")
	}
	return c.log, c.err
}

func (c *client) Readers(_ context.Context, before []outside.Reader) ([]outside.Reader, error) {
	c.before = before
	return c.readers, c.err
}

// memory is a cache of readers.
type memory struct {
	mu   sync.Mutex
	kept map[planner.AccountID][]outside.Reader
}

func (m *memory) Load(id planner.AccountID) []outside.Reader {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[id]
}

func (m *memory) Save(id planner.AccountID, readers []outside.Reader) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[id] = readers
}

// watched are clients, and what a surveyor of them reported.
type watched struct {
	Surveyor
	clients map[planner.AccountID]*client
	reports [][2]int
	ended   int
	public  []string
}

var errNoToken = errors.New("no token")

// watch returns a surveyor of clients. Accounts without one have a client that can do nothing, except
// the account "locked", which has none.
func watch(clients map[planner.AccountID]*client) *watched {
	w := &watched{clients: clients}
	w.Account = func(id planner.AccountID) (any, error) {
		if id == "locked" {
			return nil, errNoToken
		}
		if c := clients[id]; c != nil {
			return c, nil
		}
		return struct{}{}, nil
	}
	w.Progress = func() (func(done, total int), func()) {
		return func(done, total int) { w.reports = append(w.reports, [2]int{done, total}) }, func() { w.ended++ }
	}
	w.Public = func(s ...string) { w.public = append(w.public, s...) }
	return w
}

// drifted has a secret in each of several accounts, whose comments were changed.
func drifted(accounts ...planner.AccountID) planner.Input {
	in := planner.Input{Now: now}
	for _, id := range accounts {
		k := planner.StoreKey{Account: id, Name: "prod"}
		in.Recorded = append(in.Recorded, planner.RecordedStore{Key: k, ID: "st", Secrets: []planner.RecordedSecret{{Name: "key", ID: "s1", Modified: "2026-11-20T12:00:00Z"}}})
		in.Live = append(in.Live, planner.LiveStore{Key: k, ID: "st", Secrets: []planner.LiveSecret{{Name: "key", ID: "s1", Modified: "2026-11-20T15:00:00Z", Comment: "c"}}})
	}
	return in
}

// errorsOf are the texts of errors.
func errorsOf(failed map[planner.AccountID]error) map[planner.AccountID]string {
	texts := map[planner.AccountID]string{}
	for id, err := range failed {
		texts[id] = err.Error()
	}
	return texts
}

// TestAttribute: the log of each account with drift is read, and its entries are used even if the log
// is incomplete.
func TestAttribute(t *testing.T) {
	entry := func(at planner.Modified, value planner.ValueChange) outside.Entry {
		return outside.Entry{Time: at, Actor: "jane", Channel: "dashboard", Method: "PATCH", Store: "st", Secret: "s1", Value: value}
	}
	w := watch(map[planner.AccountID]*client{
		"kept":    {log: []outside.Entry{entry("2026-11-20T15:00:00Z", planner.ValueKept), entry("2026-11-20T12:00:00Z", planner.ValueModified)}},
		"denied":  {err: errors.New("denied")},
		"partial": {log: []outside.Entry{entry("2026-11-20T15:00:00Z", planner.ValueModified)}, err: errors.New("too long")},
	})
	in := drifted("kept", "denied", "partial", "none", "locked")
	unread := w.Attribute(t.Context(), &in, now)
	enginetest.Equal(t, "unread", errorsOf(unread), map[planner.AccountID]string{
		"denied": "denied", "none": ErrNotSupported.Error(), "partial": "too long", "locked": "no token",
	})
	var accounts []string
	for k := range in.Outside {
		accounts = append(accounts, string(k.Store.Account))
	}
	slices.Sort(accounts)
	enginetest.Equal(t, "attributed", accounts, []string{"kept", "partial"})
	for _, st := range in.Live {
		if known := st.Secrets[0].Value == planner.LiveSame; known != (st.Key.Account == "kept") {
			t.Errorf("the value in %s is known: %v", st.Key.Account, known)
		}
	}
	enginetest.Equal(t, "progress", w.reports, [][2]int{{0, 5}, {1, 5}, {2, 5}, {3, 5}, {4, 5}, {5, 5}})
	enginetest.Equal(t, "ends", w.ended, 1)
	enginetest.Equal(t, "public", w.public, slices.Repeat([]string{"jane", "dashboard"}, 3))
}

// TestNoDrift: no log is read where nothing drifted, and no progress is shown.
func TestNoDrift(t *testing.T) {
	w := watch(map[planner.AccountID]*client{"a": {err: errors.New("read")}})
	in := planner.Input{Now: now, Recorded: []planner.RecordedStore{{Key: planner.StoreKey{Account: "a", Name: "prod"}, ID: "st"}}}
	in.Live = []planner.LiveStore{{Key: in.Recorded[0].Key, ID: "st"}}
	unread := w.Attribute(t.Context(), &in, now)
	if len(unread)+len(w.reports)+w.ended+len(in.Outside) > 0 {
		t.Errorf("unread %v, progress %v, ends %d, changes %v", unread, w.reports, w.ended, in.Outside)
	}
}

// TestDeployed: a part of what is deployed is used, and kept for the next run.
func TestDeployed(t *testing.T) {
	api := outside.Reader{Kind: planner.ReaderDeployed, Name: "api", Uses: []outside.Use{{Binding: "KEY", Store: "st", Secret: "key", ID: "s1"}}}
	shop := outside.Reader{Kind: planner.ReaderDeployed, Name: "shop", Namespace: "customers"}
	accounts := []planner.AccountID{"a", "b", "none", "locked"}
	w := watch(map[planner.AccountID]*client{"a": {readers: []outside.Reader{api, shop}, err: errors.New("some")}, "b": {}})
	cache := &memory{kept: map[planner.AccountID][]outside.Reader{"a": {shop}}}
	w.Cache = cache
	found, failed := w.Deployed(t.Context(), accounts)
	enginetest.Equal(t, "found", found, map[planner.AccountID][]outside.Reader{"a": {api, shop}, "b": nil, "none": nil, "locked": nil})
	enginetest.Equal(t, "failed", errorsOf(failed), map[planner.AccountID]string{"a": "some", "none": ErrNotSupported.Error(), "locked": "no token"})
	enginetest.Equal(t, "from the cache", w.clients["a"].before, []outside.Reader{shop})
	enginetest.Equal(t, "to the cache", cache.kept, map[planner.AccountID][]outside.Reader{"a": {api, shop}, "b": nil})
	enginetest.Equal(t, "public", w.public, []string{api.FullName(), "api", "", "KEY", "st", "key", "s1", shop.FullName(), "shop", "customers"})
	enginetest.Equal(t, "progress", w.reports, [][2]int{{0, 4}, {1, 4}, {2, 4}, {3, 4}, {4, 4}})

	cache.kept = map[planner.AccountID][]outside.Reader{}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	w.Deployed(interrupted, accounts)
	enginetest.Equal(t, "to the cache after an interrupt", len(cache.kept), 0)

	w.Cache = nil
	found, _ = w.Deployed(t.Context(), accounts)
	enginetest.Equal(t, "found without a cache", len(found["a"]), 2)
	enginetest.Equal(t, "from no cache", w.clients["a"].before, []outside.Reader(nil))
}
