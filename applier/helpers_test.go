package applier_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/applier/appliertest"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

const account = planner.AccountID("0123456789abcdef0123456789abcdef")

var store = planner.StoreKey{Account: account, Name: "prod"}

func create(name string) planner.Action {
	return planner.Action{
		Op: planner.OpCreate, Store: store, StoreID: "st1", Secret: name, SetValue: true, Recovery: planner.Recovery{ListedAt: serverTime},
		Scopes: &planner.Change[[]string]{After: []string{"workers"}},
	}
}

func creates(n int) []planner.Action {
	var actions []planner.Action
	for i := range n {
		actions = append(actions, create(fmt.Sprintf("s%03d", i)))
	}
	return actions
}

// existing creates a secret in the account and returns its id.
func existing(f *fakeTarget, name string) planner.SecretID {
	f.put(applier.NewSecret{Name: name, Value: secret.New([]byte("old")), Scopes: []string{"workers"}})
	return f.secrets[name].ID
}

// stranger creates a secret as another client does, after the list of the plan was read.
func stranger(f *fakeTarget, name string) {
	existing(f, name)
	l := f.secrets[name]
	l.Created = planner.Modified(serverTime.Add(-10 * time.Second).Format(time.RFC3339))
	f.secrets[name] = l
}

// end is what Apply returned.
type end struct {
	*applier.Report
	Err error
}

func (e end) Complete() bool { return e.Err == nil && e.Report.Complete() }

// always fails every call that starts with prefix.
func always(prefix string, err error) func(string) error {
	return func(call string) error {
		if strings.HasPrefix(call, prefix) {
			return err
		}
		return nil
	}
}

// update is an action that sends the value of a secret that exists.
func update(f *fakeTarget, name string) planner.Action {
	return planner.Action{Op: planner.OpUpdate, Store: store, StoreID: "st1", Secret: name, ID: existing(f, name), SetValue: true}
}

func remove(f *fakeTarget, name string) planner.Action {
	return planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: name, ID: existing(f, name)}
}

func rename(f *fakeTarget, from, to string) planner.Action {
	return planner.Action{
		Op: planner.OpRename, Store: store, StoreID: "st1", Secret: to, From: from, ID: existing(f, from),
		Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{},
	}
}

func apply(ctx context.Context, f *fakeTarget, j *fakeJournal, actions ...planner.Action) end {
	return applyWaiting(ctx, f, j, 0, actions...)
}

// applyInOrder sends one request at a time.
func applyInOrder(ctx context.Context, f *fakeTarget, j *fakeJournal, actions ...planner.Action) end {
	return applyAtOnce(ctx, f, j, 1, 0, actions...)
}

func applyWaiting(ctx context.Context, f *fakeTarget, j *fakeJournal, wait time.Duration, actions ...planner.Action) end {
	return applyAtOnce(ctx, f, j, 4, wait, actions...)
}

func applyAtOnce(ctx context.Context, f *fakeTarget, j *fakeJournal, parallelism int, wait time.Duration, actions ...planner.Action) end {
	start := time.Now()
	r, err := applier.Apply(ctx, &planner.Plan{Actions: actions}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: f}, Journal: j, Parallelism: parallelism, Wait: wait,
		Now:     func() time.Time { return serverTime.Add(time.Since(start)) },
		Value:   func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
		Waiting: func(_ planner.AccountID, secrets int, _ time.Time) { f.waits = append(f.waits, secrets) },
	})
	return end{r, err}
}

// once fails the first call that starts with prefix.
func once(prefix string, err error) func(string) error {
	failed := false
	return func(call string) error {
		if failed || !strings.HasPrefix(call, prefix) {
			return nil
		}
		failed = true
		return err
	}
}

func outcomes(r end) map[string]applier.Outcome {
	m := map[string]applier.Outcome{}
	for _, res := range r.Results {
		m[res.Action.Secret] = res.Outcome
	}
	return m
}

func expectLog(t *testing.T, f *fakeTarget, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.log); diff != "" {
		t.Errorf("calls and journal (-want +got):\n%s", diff)
	}
}

func TestTheFakeCallsBeforeSend(t *testing.T) {
	appliertest.TestBeforeSend(t, func(*testing.T) appliertest.Fixture {
		f := newFake()
		id := existing(f, "old")
		return appliertest.Fixture{
			Target: f, Store: "st1", Secret: id,
			Delay:   func(d time.Duration) { f.delay = d },
			Created: func() int { return len(f.secrets) - 1 },
		}
	})
}
