package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

const (
	account = enginetest.DefaultAccount
	other   = enginetest.OtherAccount
)

var (
	prod  = enginetest.Prod
	equal = enginetest.Equal
	lines = enginetest.Lines
)

// bubble runs a test with a clock that advances whenever every goroutine waits, and an API
// with that clock.
func bubble(t *testing.T, test func(t *testing.T, api *enginetest.API, o Observer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := enginetest.NewAPI()
		o := Observer{Account: func(id planner.AccountID) (Account, error) { return api.Account(id, "") }, Now: time.Now, Parallelism: 4}
		test(t, api, o)
	})
}

// at is a place with records of secrets that were written some time ago.
func at(k planner.StoreKey, id planner.StoreID, ago time.Duration, ids ...planner.SecretID) Place {
	p := Place{Key: k, ID: id}
	for _, secret := range ids {
		p.Recorded = append(p.Recorded, planner.RecordedSecret{Name: "of-" + string(secret), ID: secret, Applied: time.Now().Add(-ago)})
	}
	return p
}

// seen describes live stores with one store or secret per line.
func seen(o Observed) []string {
	var all []string
	for _, st := range o.Live {
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
		places []Place
		calls  string
		seen   string
	}{
		{"a store whose id is known takes one list", []Place{at(prod, "st1", time.Hour)}, "list secrets st1", "prod st1 a b"},
		{
			"one that was never applied is looked for by its name", []Place{at(prod, "", time.Hour)}, `
				list secrets st1
				list stores`, `
				prod st1 a b
				second st2`,
		},
		{
			"the stores are listed once", []Place{at(prod, "", time.Hour), at(second, "", time.Hour)}, `
				list secrets st1
				list secrets st2
				list stores`, `
				prod st1 a b
				second st2 c`,
		},
		{
			"one whose id is gone is looked for by its name", []Place{at(prod, "st9", time.Hour)}, `
				list secrets st1
				list secrets st9
				list stores`, `
				prod st1 a b
				second st2`,
		},
		{
			"one that is not there", []Place{at(none, "", time.Hour), at(prod, "st1", time.Hour)}, `
				list secrets st1
				list stores`, `
				prod st1 a b
				second st2`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				live := api.Accounts[account]
				for store, names := range map[string]string{"prod": "a b", "second": "c"} {
					live.Put("prod") // first
					for _, name := range strings.Fields(names) {
						live.Create(live.Put(store), name, "v", nil, "")
					}
				}
				got := o.Observe(t.Context(), tt.places)
				lines(t, "calls, sorted", slices.Sorted(slices.Values(live.Transcript())), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				if got.Err() != nil || len(got.Unread) > 0 {
					t.Errorf("an error: %v, %v", got.Err(), got.Unread)
				}
			})
		})
	}
}

// The stores of an empty account are listed once, however many are looked for.
func TestObserveEmptyAccount(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		got := o.Observe(t.Context(), []Place{at(prod, "", 0), at(planner.StoreKey{Account: account, Name: "second"}, "", 0)})
		lines(t, "calls", api.Accounts[account].Transcript(), "list stores")
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
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				live := api.Accounts[account]
				st := live.Put("prod")
				live.Create(st, "a", "v", nil, "")
				live.Create(st, "b", "v", nil, "")
				p := at(prod, "st1", tt.ago, "id1", "id2")
				st.Hidden[tt.hide] = true
				delete(st.Secrets, tt.drop)
				begun := time.Now()
				got := o.Observe(t.Context(), []Place{p})
				lines(t, "calls", live.Transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				equal(t, "time", time.Since(begun), tt.took)
			})
		})
	}
}

// If another secret of that name replaced it, the secret that the list lacks is not reported
// as well.
func TestObserveReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		live := api.Accounts[account]
		st := live.Put("prod")
		live.Create(st, "old", "v", nil, "")
		moved := st.Secrets["old"]
		moved.Name = "a"
		st.Secrets["old"], st.Hidden["old"] = moved, true
		live.Create(st, "a", "v", nil, "")
		got := o.Observe(t.Context(), []Place{at(prod, "st1", time.Second, "id1", "id2")})
		lines(t, "calls", live.Transcript(), "list secrets st1\nget st1/id1")
		equal(t, "secrets", got.Live[0].Secrets, []planner.LiveSecret{st.Secrets["a"]})
	})
}

// A read by id that returns another secret counts as not found.
func TestObserveAnswerOfAnotherID(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		live := api.Accounts[account]
		st := live.Put("prod")
		live.Create(st, "a", "v", nil, "")
		st.Hidden["a"] = true
		o.Account = func(planner.AccountID) (Account, error) { return wrongID{live}, nil }
		got := o.Observe(t.Context(), []Place{at(prod, "st1", 2*time.Minute, "id1")})
		lines(t, "stores", seen(got), "prod st1")
		equal(t, "error", got.Err(), error(nil))
	})
}

type wrongID struct{ *enginetest.Account }

func (w wrongID) GetSecret(ctx context.Context, store planner.StoreID, id planner.SecretID) (planner.LiveSecret, error) {
	sec, err := w.Account.GetSecret(ctx, store, id)
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
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				live := api.Accounts[account]
				live.Create(live.Put("prod"), "a", "v", nil, "")
				hidden := live.Stores
				live.Stores = nil
				n := 0
				live.Before = func(string) error {
					if n++; n == tt.found {
						live.Stores = hidden
					}
					return nil
				}
				begun := time.Now()
				got := o.Observe(t.Context(), []Place{at(prod, "st1", tt.ago, "id1")})
				lines(t, "calls", live.Transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				equal(t, "time", time.Since(begun), tt.took)
			})
		})
	}
}

// An account that cannot be read does not stop the others.
func TestObserveUnreachable(t *testing.T) {
	errDown := errors.New("down")
	unreadable := func(refuse string) func(*enginetest.Account) {
		return func(a *enginetest.Account) {
			a.Before = func(call string) error {
				if strings.HasPrefix(call, refuse) {
					return errDown
				}
				return nil
			}
		}
	}
	for _, tt := range []struct {
		name  string
		place Place
		down  func(*enginetest.Account)
		calls string
	}{
		{"secrets of a known store", Place{ID: "st1"}, unreadable("list secrets"), "list secrets st1"},
		{"stores", Place{}, unreadable("list stores"), "list stores"},
		{"secrets of a store that was looked for", Place{}, unreadable("list secrets"), "list stores\nlist secrets st1"},
		{
			"a secret by its id", Place{ID: "st1", Recorded: []planner.RecordedSecret{{ID: "id9"}}},
			unreadable("get"), "list secrets st1\nget st1/id9",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				for _, a := range []*enginetest.Account{api.Accounts[account], api.Add(other)} {
					a.Create(a.Put("prod"), "a", "v", nil, "")
				}
				tt.down(api.Accounts[other])
				tt.place.Key = planner.StoreKey{Account: other, Name: "prod"}
				for i := range tt.place.Recorded {
					tt.place.Recorded[i].Applied = time.Now()
				}
				got := o.Observe(t.Context(), []Place{tt.place, {Key: prod, ID: "st1"}})
				lines(t, "calls to the other", api.Accounts[account].Transcript(), "list secrets st1")
				lines(t, "calls", api.Accounts[other].Transcript(), tt.calls)
				lines(t, "stores", seen(got), "prod st1 a")
				if !errors.Is(got.Unread[other], errDown) || len(got.Unread) != 1 {
					t.Errorf("unread: %v", got.Unread)
				}
				equal(t, "error", got.Err().Error(), "account "+string(other)+": down")
			})
		})
	}
}

// The error joins the errors of all accounts that could not be read, in order.
func TestObserveNothingReachable(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		api.Accounts = nil
		got := o.Observe(t.Context(), []Place{{Key: planner.StoreKey{Account: other, Name: "prod"}}, {Key: prod}})
		equal(t, "error", got.Err().Error(), "account "+string(account)+": no token\naccount "+string(other)+": no token")
		equal(t, "stores", seen(got), []string(nil))
	})
}

// The stores of an account are read side by side, in one round trip if their ids are known, and
// in two if the account's stores have to be listed first. That takes no request more.
func TestObserveStoresSideBySide(t *testing.T) {
	const stores = 10
	for _, tt := range []struct {
		name                     string
		known                    func(n int) bool // whether the id of the n-th store is recorded
		parallelism              int
		calls, atOnce, roundTrip int
	}{
		{"known", func(int) bool { return true }, 50, stores, stores, 1},
		{"never applied", func(int) bool { return false }, 50, 1 + stores, stores, 2},
		{"one of them never applied", func(n int) bool { return n > 0 }, 50, 1 + stores, stores, 2},
		{"known, four at a time", func(int) bool { return true }, 4, stores, 4, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				live := api.Accounts[account]
				live.Slow, o.Parallelism = 50*time.Millisecond, tt.parallelism
				var places []Place
				var want []string
				for n := range stores {
					st := live.Put(fmt.Sprintf("store-%d", n))
					live.Create(st, "a", "v", nil, "")
					p := at(planner.StoreKey{Account: account, Name: st.Name}, "", time.Hour)
					if tt.known(n) {
						p.ID = st.ID
					}
					places, want = append(places, p), append(want, st.Name+" "+string(st.ID)+" a")
				}
				var progress []int
				o.Progress = func(_ planner.AccountID, done, total int) { progress = append(progress, done, total) }
				begun := time.Now()
				got := o.Observe(t.Context(), places)
				equal(t, "progress", progress, []int{0, 10, 1, 10, 2, 10, 3, 10, 4, 10, 5, 10, 6, 10, 7, 10, 8, 10, 9, 10, 10, 10})
				equal(t, "round trips", int(time.Since(begun)/live.Slow), tt.roundTrip)
				equal(t, "stores, in the order of the places", seen(got), want)
				equal(t, "calls", len(live.Transcript()), tt.calls)
				equal(t, "at once", live.AtOnce, tt.atOnce)
			})
		})
	}
}

// After an error, nothing more of the account is read.
func TestObserveEndsAtAnError(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		live := api.Accounts[account]
		live.Slow, o.Parallelism = time.Second, 1
		live.Down("list")
		var progress []int
		o.Progress = func(_ planner.AccountID, done, _ int) { progress = append(progress, done) }
		var places []Place
		for n := range 20 {
			places = append(places, at(planner.StoreKey{Account: account, Name: fmt.Sprint(n)}, planner.StoreID(fmt.Sprint(n)), time.Hour))
		}
		got := o.Observe(t.Context(), places)
		if !errors.Is(got.Err(), enginetest.ErrDown) {
			t.Errorf("the error: %v", got.Err())
		}
		equal(t, "progress", progress, []int{0})
		equal(t, "calls", len(live.Transcript()), 1)
	})
}

// Reads by id run in parallel, up to a limit. The list comes before.
func TestObserveBoundedParallelism(t *testing.T) {
	for parallelism, want := range map[int]struct {
		atOnce int
		took   time.Duration
	}{3: {3, 5 * time.Second}, 1: {1, 11 * time.Second}, 0: {1, 11 * time.Second}, 20: {10, 2 * time.Second}} {
		bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
			live := api.Accounts[account]
			live.Slow, o.Parallelism = time.Second, parallelism
			st := live.Put("prod")
			p := at(prod, "st1", 0)
			for _, name := range strings.Split("abcdefghij", "") {
				sec := live.Create(st, name, "v", nil, "")
				st.Hidden[name] = true
				p.Recorded = append(p.Recorded, planner.RecordedSecret{Name: name, ID: sec.ID, Applied: time.Now()})
			}
			begun := time.Now()
			got := o.Observe(t.Context(), []Place{p})
			lines(t, "stores", seen(got), "prod st1 a b c d e f g h i j")
			equal(t, "at once", live.AtOnce, want.atOnce)
			equal(t, "time", time.Since(begun), want.took)
		})
	}
}

// The accounts are read in parallel.
func TestObserveAccountsSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		var places []Place
		for _, a := range []*enginetest.Account{api.Accounts[account], api.Add(other)} {
			sec := a.Create(a.Put("prod"), "a", "v", nil, "")
			a.Slow, a.Stores[0].Hidden["a"] = time.Second, true
			places = append(places, at(planner.StoreKey{Account: a.ID, Name: "prod"}, "st1", 0, sec.ID))
		}
		begun := time.Now()
		got := o.Observe(t.Context(), places)
		lines(t, "stores", seen(got), "prod st1 a\nprod st1 a")
		equal(t, "time", time.Since(begun), 2*time.Second) // the list, and the hidden secret
	})
}

// An interruption ends the pauses and leaves no goroutine behind, which the bubble would
// report.
func TestObserveInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
		live := api.Accounts[account]
		live.Put("prod")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		got := o.Observe(ctx, []Place{at(prod, "st1", 0, "id1")})
		lines(t, "calls", live.Transcript(), "list secrets st1\nget st1/id1")
		if !errors.Is(got.Err(), context.DeadlineExceeded) {
			t.Errorf("the error: %v", got.Err())
		}
		equal(t, "time", time.Since(begun), 200*time.Millisecond)
	})
}

// Each store is read once, however many entries name it.
func TestPlaces(t *testing.T) {
	second, third := planner.StoreKey{Account: account, Name: "second"}, planner.StoreKey{Account: other, Name: "prod"}
	recorded := []planner.RecordedSecret{{Name: "a"}}
	got := Places(
		[]planner.DesiredStore{{Key: prod}, {Key: second}, {Key: prod}},
		[]planner.RecordedStore{{Key: prod, ID: "st1", Secrets: recorded}, {Key: third, ID: "st3"}},
	)
	want := []Place{{Key: prod, ID: "st1", Recorded: recorded}, {Key: second}, {Key: third, ID: "st3"}}
	if !slices.EqualFunc(got, want, func(x, y Place) bool {
		return x.Key == y.Key && x.ID == y.ID && len(x.Recorded) == len(y.Recorded)
	}) {
		t.Errorf("%+v", got)
	}
}

// TestObserveIncompleteList: each recorded secret that the list lacks is read by its id, however
// long ago it was written. Only the answer "not found" proves that it was deleted.
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
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				live := api.Accounts[account]
				st := live.Put("prod")
				live.Create(st, "a", "v", nil, "")
				live.Create(st, "b", "v", nil, "")
				st.Hidden[tt.hide], st.Short = true, tt.short
				delete(st.Secrets, tt.drop)
				p := at(prod, "st1", time.Hour, "id1", "id2")
				p.Recorded = append(p.Recorded, planner.RecordedSecret{Name: "half-created"})
				got := o.Observe(t.Context(), []Place{p})
				lines(t, "calls", live.Transcript(), tt.calls)
				lines(t, "stores", seen(got), tt.seen)
				equal(t, "error", got.Err(), error(nil))
				equal(t, "incomplete", got.Live[0].Incomplete, tt.short)
				equal(t, "an error where lists have to be complete", errors.Is(got.Incomplete(), applier.ErrIncomplete), tt.short)
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
			bubble(t, func(t *testing.T, api *enginetest.API, o Observer) {
				live := api.Accounts[account]
				live.Put("prod")
				live.Put("second")
				live.Short = 1
				got := o.Observe(t.Context(), []Place{at(tt.key, "", time.Hour)})
				equal(t, "found", len(got.Live) == 1, tt.found)
				equal(t, "the account could not be read", errors.Is(got.Err(), applier.ErrIncomplete), !tt.found)
			})
		})
	}
}
