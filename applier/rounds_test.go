package applier_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

// roundTrip is how long a request of the distant account takes.
const roundTrip = 50 * time.Millisecond

// distant is an account whose every request takes a round trip. It counts those under way.
type distant struct {
	*fakeTarget
	mu                    sync.Mutex
	requests, now, atOnce int
}

func (d *distant) travel() (arrived func()) {
	d.count(1)
	time.Sleep(roundTrip)
	return func() { d.count(-1) }
}

func (d *distant) count(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now += n
	d.requests += max(0, n)
	d.atOnce = max(d.atOnce, d.now)
}

func (d *distant) ListSecrets(ctx context.Context, st planner.StoreID) ([]planner.LiveSecret, error) {
	defer d.travel()()
	return d.fakeTarget.ListSecrets(ctx, st)
}

func (d *distant) CreateStore(ctx context.Context, name string) (planner.StoreID, error) {
	defer d.travel()()
	return d.fakeTarget.CreateStore(ctx, name)
}

func (d *distant) CreateSecrets(ctx context.Context, st planner.StoreID, items []applier.NewSecret, before applier.BeforeSend) ([]planner.LiveSecret, error) {
	defer d.travel()()
	return d.fakeTarget.CreateSecrets(ctx, st, items, before)
}

func (d *distant) DeleteSecret(ctx context.Context, st planner.StoreID, id planner.SecretID) error {
	defer d.travel()()
	return d.fakeTarget.DeleteSecret(ctx, st, id)
}

func (d *distant) DeleteStore(ctx context.Context, st planner.StoreID) error {
	defer d.travel()()
	return d.fakeTarget.DeleteStore(ctx, st)
}

func toCreate(f *distant, key planner.StoreKey, n int) []planner.Action {
	actions := creates(n)
	for i := range actions {
		actions[i].Store, actions[i].Secret = key, key.Name+"-"+actions[i].Secret
		if actions[i].StoreID = f.stores[key.Name]; key.Account != account || f.stores[key.Name] == "" {
			actions[i].StoreID = ""
		}
	}
	return actions
}

// Round trips are counted in simulated time. Requests of one phase go side by side, up to the
// parallelism; the phases keep their order.
func TestRoundTrips(t *testing.T) {
	second, third := planner.StoreKey{Account: account, Name: "second"}, planner.StoreKey{Account: account, Name: "third"}
	newStore := func(k planner.StoreKey) planner.Action { return planner.Action{Op: planner.OpCreateStore, Store: k} }
	for _, tt := range []struct {
		name                     string
		plan                     func(*distant) []planner.Action
		parallelism              int
		requests, rounds, atOnce int
	}{
		{"a batch", func(d *distant) []planner.Action { return toCreate(d, store, 100) }, 50, 1, 1, 1},
		{"ten batches", func(d *distant) []planner.Action { return toCreate(d, store, 1000) }, 50, 10, 1, 10},
		{"ten batches, four at once", func(d *distant) []planner.Action { return toCreate(d, store, 1000) }, 4, 10, 3, 4},
		{"ten batches, one after the other", func(d *distant) []planner.Action { return toCreate(d, store, 1000) }, 1, 10, 10, 1},
		{"two new stores with their secrets", func(d *distant) []planner.Action {
			return append(append([]planner.Action{newStore(second), newStore(third)}, toCreate(d, second, 100)...), toCreate(d, third, 100)...)
		}, 50, 4, 2, 2},
		{"creations before deletions", func(d *distant) []planner.Action {
			actions := toCreate(d, store, 200)
			for n := range 50 {
				actions = append(actions, remove(d.fakeTarget, fmt.Sprintf("old-%d", n)))
			}
			return actions
		}, 50, 52, 2, 50},
		{"deletions that make room come first", func(d *distant) []planner.Action {
			old := remove(d.fakeTarget, "old")
			old.BeforeCreates = true
			return append(toCreate(d, store, 200), old)
		}, 50, 3, 2, 2},
		{"two stores are deleted", func(*distant) []planner.Action {
			return []planner.Action{
				{Op: planner.OpDeleteStore, Store: second, StoreID: "st2"}, {Op: planner.OpDeleteStore, Store: third, StoreID: "st3"},
			}
		}, 50, 2, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &distant{fakeTarget: newFake()}
				plan := &planner.Plan{Actions: tt.plan(d)}
				start := time.Now()
				r, err := applier.Apply(t.Context(), plan, applier.Config{
					Targets: map[planner.AccountID]applier.Target{account: d}, Journal: &fakeJournal{target: d.fakeTarget},
					Parallelism: tt.parallelism, Now: time.Now,
					Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
				})
				if err != nil || !r.Complete() {
					t.Fatalf("error %v, outcomes %v", err, outcomes(end{r, err}))
				}
				if rounds := int(time.Since(start) / roundTrip); d.requests != tt.requests || rounds != tt.rounds || d.atOnce != tt.atOnce {
					t.Errorf("%d requests in %d round trips, %d at once; want %d in %d, %d at once",
						d.requests, rounds, d.atOnce, tt.requests, tt.rounds, tt.atOnce)
				}
			})
		})
	}
}
