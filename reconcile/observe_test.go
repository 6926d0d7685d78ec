package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// bubble runs a test with a clock that advances whenever every goroutine waits, and an API
// with that clock.
func bubble(t *testing.T, test func(t *testing.T, api *fakeAPI, o observer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		o := observer{account: func(id planner.AccountID) (Account, error) { return api.Account(id, "") }, now: time.Now, parallelism: 4}
		test(t, api, o)
	})
}

// at is a place with records of secrets that were written some time ago.
func at(k planner.StoreKey, id planner.StoreID, ago time.Duration, ids ...planner.SecretID) place {
	p := place{key: k, id: id}
	for _, secret := range ids {
		p.recorded = append(p.recorded, planner.RecordedSecret{Name: "of-" + string(secret), ID: secret, Applied: time.Now().Add(-ago)})
	}
	return p
}

// seen describes live stores with one store or secret per line.
func seen(o observed) []string {
	var all []string
	for _, st := range o.live {
		line := st.Key.Name + " " + string(st.ID)
		for _, sec := range st.Secrets {
			line += " " + sec.Name
		}
		all = append(all, line)
	}
	return all
}

func TestObserve(t *testing.T) {
	second, none := planner.StoreKey{Account: account, Name: "second"}, planner.StoreKey{Account: account, Name: "none"}
	for _, tt := range []struct {
		name   string
		places []place
		calls  string
		seen   string
	}{
		{"a store whose id is known takes one list", []place{at(prod, "st1", time.Hour)}, "list secrets st1", "prod st1 a b"},
		{
			"one that was never applied is looked for by its name", []place{at(prod, "", time.Hour)}, `
				list stores
				list secrets st1`, `
				prod st1 a b
				second st2`,
		},
		{
			"the stores are listed once", []place{at(prod, "", time.Hour), at(second, "", time.Hour)}, `
				list stores
				list secrets st1
				list secrets st2`, `
				prod st1 a b
				second st2 c`,
		},
		{
			"one whose id is gone is looked for by its name", []place{at(prod, "st9", time.Hour)}, `
				list secrets st9
				list stores
				list secrets st1`, `
				prod st1 a b
				second st2`,
		},
		{
			"one that is not there", []place{at(none, "", time.Hour), at(prod, "st1", time.Hour)}, `
				list stores
				list secrets st1`, `
				prod st1 a b
				second st2`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
				live := api.accounts[account]
				for store, names := range map[string]string{"prod": "a b", "second": "c"} {
					live.put("prod") // first
					for _, name := range strings.Fields(names) {
						live.create(live.put(store), name, "v", nil, "")
					}
				}
				got := o.observe(t.Context(), tt.places)
				lines(t, "calls", live.transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				if got.err() != nil || len(got.unread) > 0 {
					t.Errorf("an error: %v, %v", got.err(), got.unread)
				}
			})
		})
	}
}

// The stores of an empty account are listed once, however many are looked for.
func TestObserveEmptyAccount(t *testing.T) {
	bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
		got := o.observe(t.Context(), []place{at(prod, "", 0), at(planner.StoreKey{Account: account, Name: "second"}, "", 0)})
		lines(t, "calls", api.accounts[account].transcript(), "list stores")
		lines(t, "stores", seen(got), "")
	})
}

// What was written moments ago may be missing from a list: it is read by its id.
func TestObserveLaggingList(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ago   time.Duration
		hide  string // missing from lists
		drop  string // does not exist
		calls string
		seen  string
		took  time.Duration
	}{
		{"nothing is missing", 0, "", "", "list secrets st1", "prod st1 a b", 0},
		{"hidden, written moments ago", time.Second, "a", "", "list secrets st1\nget st1/id1", "prod st1 b a", 0},
		{"hidden, written within the lag of lists", planner.ListLag, "a", "", "list secrets st1\nget st1/id1", "prod st1 b a", 0},
		{"hidden, written before that", planner.ListLag + time.Second, "a", "", "list secrets st1", "prod st1 b", 0},
		{
			"gone, written moments ago: read again after pauses", time.Second, "", "a", `
				list secrets st1
				get st1/id1
				get st1/id1
				get st1/id1`, "prod st1 b", 1500 * time.Millisecond,
		},
		{"gone, written a while ago: read once", 2 * time.Minute, "", "a", "list secrets st1\nget st1/id1", "prod st1 b", 0},
		{"gone, written long ago", time.Hour, "", "a", "list secrets st1", "prod st1 b", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
				live := api.accounts[account]
				st := live.put("prod")
				live.create(st, "a", "v", nil, "")
				live.create(st, "b", "v", nil, "")
				p := at(prod, "st1", tt.ago, "id1", "id2")
				st.hidden[tt.hide] = true
				delete(st.secrets, tt.drop)
				begun := time.Now()
				got := o.observe(t.Context(), []place{p})
				lines(t, "calls", live.transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				equal(t, "time", time.Since(begun), tt.took)
			})
		})
	}
}

// If another secret of that name replaced it, the secret that the list lacks is not reported
// as well.
func TestObserveReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
		live := api.accounts[account]
		st := live.put("prod")
		live.create(st, "old", "v", nil, "")
		moved := st.secrets["old"]
		moved.Name = "a"
		st.secrets["old"], st.hidden["old"] = moved, true
		live.create(st, "a", "v", nil, "")
		got := o.observe(t.Context(), []place{at(prod, "st1", time.Second, "id1", "id2")})
		lines(t, "calls", live.transcript(), "list secrets st1\nget st1/id1")
		equal(t, "secrets", got.live[0].Secrets, []planner.LiveSecret{st.secrets["a"]})
	})
}

// A read by id that returns another secret counts as not found.
func TestObserveAnswerOfAnotherID(t *testing.T) {
	bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
		live := api.accounts[account]
		st := live.put("prod")
		live.create(st, "a", "v", nil, "")
		st.hidden["a"] = true
		o.account = func(planner.AccountID) (Account, error) { return wrongID{live}, nil }
		got := o.observe(t.Context(), []place{at(prod, "st1", 2*time.Minute, "id1")})
		lines(t, "stores", seen(got), "prod st1")
		equal(t, "error", got.err(), error(nil))
	})
}

type wrongID struct{ *fakeAccount }

func (w wrongID) GetSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) (planner.LiveSecret, error) {
	sec, err := w.fakeAccount.GetSecret(ctx, store, id)
	sec.ID = "another"
	return sec, err
}

// A store that was written to moments ago and is not found may come from a lagging replica.
func TestObserveLaggingStore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ago   time.Duration
		found int // the list that finds it; 0 if none does
		calls string
		seen  string
		took  time.Duration
	}{
		{"found at the third try", 0, 3, "list secrets st1\nlist secrets st1\nlist secrets st1", "prod st1 a", 1500 * time.Millisecond},
		{"found at the second try", time.Minute, 2, "list secrets st1\nlist secrets st1", "prod st1 a", 500 * time.Millisecond},
		{"not found", 0, 0, "list secrets st1\nlist secrets st1\nlist secrets st1\nlist stores", "", 1500 * time.Millisecond},
		{"written a while ago", time.Minute + time.Second, 0, "list secrets st1\nlist stores", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
				live := api.accounts[account]
				live.create(live.put("prod"), "a", "v", nil, "")
				hidden := live.stores
				live.stores = nil
				n := 0
				live.before = func(string) error {
					if n++; n == tt.found {
						live.stores = hidden
					}
					return nil
				}
				begun := time.Now()
				got := o.observe(t.Context(), []place{at(prod, "st1", tt.ago, "id1")})
				lines(t, "calls", live.transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				equal(t, "time", time.Since(begun), tt.took)
			})
		})
	}
}

// An account that cannot be read does not stop the others.
func TestObserveUnreachable(t *testing.T) {
	errDown := errors.New("down")
	unreadable := func(refuse string) func(*fakeAccount) {
		return func(a *fakeAccount) {
			a.before = func(call string) error {
				if strings.HasPrefix(call, refuse) {
					return errDown
				}
				return nil
			}
		}
	}
	for _, tt := range []struct {
		name  string
		place place
		down  func(*fakeAccount)
		calls string
	}{
		{"secrets of a known store", place{id: "st1"}, unreadable("list secrets"), "list secrets st1"},
		{"stores", place{}, unreadable("list stores"), "list stores"},
		{"secrets of a store that was looked for", place{}, unreadable("list secrets"), "list stores\nlist secrets st1"},
		{
			"a secret by its id", place{id: "st1", recorded: []planner.RecordedSecret{{ID: "id9"}}},
			unreadable("get"), "list secrets st1\nget st1/id9",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
				for _, a := range []*fakeAccount{api.accounts[account], api.add(other)} {
					a.create(a.put("prod"), "a", "v", nil, "")
				}
				tt.down(api.accounts[other])
				tt.place.key = planner.StoreKey{Account: other, Name: "prod"}
				for i := range tt.place.recorded {
					tt.place.recorded[i].Applied = time.Now()
				}
				got := o.observe(t.Context(), []place{tt.place, {key: prod, id: "st1"}})
				lines(t, "calls to the other", api.accounts[account].transcript(), "list secrets st1")
				lines(t, "calls", api.accounts[other].transcript(), tt.calls)
				lines(t, "stores", seen(got), "prod st1 a")
				if !errors.Is(got.unread[other], errDown) || len(got.unread) != 1 {
					t.Errorf("unread: %v", got.unread)
				}
				equal(t, "error", got.err().Error(), "account "+string(other)+": down")
			})
		})
	}
}

// The error joins those of all accounts that could not be read, in order.
func TestObserveNothingReachable(t *testing.T) {
	bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
		api.accounts = nil
		got := o.observe(t.Context(), []place{{key: planner.StoreKey{Account: other, Name: "prod"}}, {key: prod}})
		equal(t, "error", got.err().Error(), "account "+string(account)+": no token\naccount "+string(other)+": no token")
		equal(t, "stores", seen(got), []string(nil))
	})
}

// Reads by id run in parallel, up to a limit.
func TestObserveBoundedParallelism(t *testing.T) {
	for parallelism, want := range map[int]struct {
		atOnce int
		took   time.Duration
	}{3: {3, 4 * time.Second}, 1: {1, 10 * time.Second}, 0: {1, 10 * time.Second}, 20: {10, time.Second}} {
		bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
			live := api.accounts[account]
			live.slow, o.parallelism = time.Second, parallelism
			st := live.put("prod")
			p := at(prod, "st1", 0)
			for _, name := range strings.Split("abcdefghij", "") {
				sec := live.create(st, name, "v", nil, "")
				st.hidden[name] = true
				p.recorded = append(p.recorded, planner.RecordedSecret{Name: name, ID: sec.ID, Applied: time.Now()})
			}
			begun := time.Now()
			got := o.observe(t.Context(), []place{p})
			lines(t, "stores", seen(got), "prod st1 a b c d e f g h i j")
			equal(t, "at once", live.atOnce, want.atOnce)
			equal(t, "time", time.Since(begun), want.took)
		})
	}
}

// The accounts are read in parallel.
func TestObserveAccountsSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
		var places []place
		for _, a := range []*fakeAccount{api.accounts[account], api.add(other)} {
			sec := a.create(a.put("prod"), "a", "v", nil, "")
			a.slow, a.stores[0].hidden["a"] = time.Second, true
			places = append(places, at(planner.StoreKey{Account: a.id, Name: "prod"}, "st1", 0, sec.ID))
		}
		begun := time.Now()
		got := o.observe(t.Context(), places)
		lines(t, "stores", seen(got), "prod st1 a\nprod st1 a")
		equal(t, "time", time.Since(begun), time.Second)
	})
}

// An interruption ends the pauses and leaves no goroutine behind, which the bubble would
// report.
func TestObserveInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
		live := api.accounts[account]
		live.put("prod")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		got := o.observe(ctx, []place{at(prod, "st1", 0, "id1")})
		lines(t, "calls", live.transcript(), "list secrets st1\nget st1/id1")
		if !errors.Is(got.err(), context.DeadlineExceeded) {
			t.Errorf("the error: %v", got.err())
		}
		equal(t, "time", time.Since(begun), 200*time.Millisecond)
	})
}

// Each store is read once, however many entries name it.
func TestPlaces(t *testing.T) {
	second, third := planner.StoreKey{Account: account, Name: "second"}, planner.StoreKey{Account: other, Name: "prod"}
	recorded := []planner.RecordedSecret{{Name: "a"}}
	got := places(
		[]planner.DesiredStore{{Key: prod}, {Key: second}, {Key: prod}},
		[]planner.RecordedStore{{Key: prod, ID: "st1", Secrets: recorded}, {Key: third, ID: "st3"}},
	)
	want := []place{{key: prod, id: "st1", recorded: recorded}, {key: second}, {key: third, id: "st3"}}
	if !slices.EqualFunc(got, want, func(x, y place) bool {
		return x.key == y.key && x.id == y.id && len(x.recorded) == len(y.recorded)
	}) {
		t.Errorf("%+v", got)
	}
}

// TestObserveIncompleteList: each recorded secret that the list lacks is read by its id, however
// long ago it was written. Only the answer that there is none proves that it is gone.
func TestObserveIncompleteList(t *testing.T) {
	for _, tt := range []struct {
		name        string
		short       bool
		hide, drop  string
		calls, seen string
	}{
		{"nothing is missing", true, "", "", "list secrets st1", "prod st1 a b"},
		{"hidden", true, "a", "", "list secrets st1\nget st1/id1", "prod st1 b a"},
		{"gone", true, "", "a", "list secrets st1\nget st1/id1", "prod st1 b"},
		{"gone, by a complete list", false, "", "a", "list secrets st1", "prod st1 b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
				live := api.accounts[account]
				st := live.put("prod")
				live.create(st, "a", "v", nil, "")
				live.create(st, "b", "v", nil, "")
				st.hidden[tt.hide], st.short = true, tt.short
				delete(st.secrets, tt.drop)
				p := at(prod, "st1", time.Hour, "id1", "id2")
				p.recorded = append(p.recorded, planner.RecordedSecret{Name: "half-created"})
				got := o.observe(t.Context(), []place{p})
				lines(t, "calls", live.transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				equal(t, "error", got.err(), error(nil))
				equal(t, "incomplete", got.live[0].Incomplete, tt.short)
				equal(t, "an error where lists have to be complete", errors.Is(got.incomplete(), applier.ErrIncomplete), tt.short)
			})
		})
	}
}

// TestObserveIncompleteStores: a list of stores that lacks some does not prove that the store is
// not there. One that it has is used.
func TestObserveIncompleteStores(t *testing.T) {
	second := planner.StoreKey{Account: account, Name: "second"}
	for name, tt := range map[string]struct {
		key   planner.StoreKey
		found bool
	}{"listed": {second, true}, "missing": {prod, false}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *fakeAPI, o observer) {
				live := api.accounts[account]
				live.put("prod")
				live.put("second")
				live.short = 1
				got := o.observe(t.Context(), []place{at(tt.key, "", time.Hour)})
				equal(t, "found", len(got.live) == 1, tt.found)
				equal(t, "the account could not be read", errors.Is(got.err(), applier.ErrIncomplete), !tt.found)
			})
		})
	}
}
