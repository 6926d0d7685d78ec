package applier_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

const otherAccount = planner.AccountID("fedcba9876543210fedcba9876543210")

// applyEvents applies the actions, and returns the events in words.
func applyEvents(ctx context.Context, targets map[planner.AccountID]applier.Target, j applier.Journal, actions ...planner.Action) (end, []string) {
	var events []string
	r, err := applier.Apply(ctx, &planner.Plan{Actions: actions}, applier.Config{
		Targets: targets, Journal: j, Parallelism: 1, Now: serverTime.UTC,
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
		Events: func(r applier.Result) {
			text := r.Action.Secret + " " + string(r.Outcome)
			if r.Err != nil {
				text += ": " + r.Err.Error()
			}
			events = append(events, text)
		},
	})
	return end{r, err}, events
}

// Every action is reported once: when its outcome is journaled, or at the end if it was not
// tried.
func TestEvents(t *testing.T) {
	f := newFake()
	f.before = always("update bad", errors.New("refused"))
	_, events := applyEvents(t.Context(), map[planner.AccountID]applier.Target{account: f}, &fakeJournal{target: f},
		update(f, "bad"), remove(f, "old"), create("new"), planner.Action{Op: planner.OpForget, Store: store, Secret: "gone"})
	want := []string{"new done", "bad failed: refused", "old done", "gone done"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventsOfWhatWasNotTried(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake()
	f.after = func(string) error { cancel(); return nil }
	r, events := applyEvents(ctx, map[planner.AccountID]applier.Target{account: f}, &fakeJournal{target: f},
		remove(f, "old-1"), remove(f, "old-2"), create("new"), planner.Action{Op: planner.OpForget, Store: store, Secret: "gone"})
	want := []string{"new done", "old-1 skipped: not tried: interrupted", "old-2 skipped: not tried: interrupted", "gone skipped: not tried: interrupted"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !errors.Is(r.Err, context.Canceled) {
		t.Errorf("error %v", r.Err)
	}
}

// An interrupt after the last action is not an error.
func TestInterruptedAfterTheLastAction(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake()
	f.after = func(string) error { cancel(); return nil }
	if r := apply(ctx, f, &fakeJournal{target: f}, create("new")); !r.Complete() {
		t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
	}
}

// All accounts share the journal: if it fails for one, it stops the others.
func TestTheJournalFailsInAnotherAccount(t *testing.T) {
	f, g := newFake(), newFake()
	theirs := create("theirs")
	theirs.Store.Account = otherAccount
	full := errors.New("disk full")
	j := &fakeJournal{target: newFake(), fail: func(entry string) error {
		if strings.HasPrefix(entry, "outcome") {
			return full
		}
		return nil
	}}
	later := planner.Action{Op: planner.OpForget, Store: planner.StoreKey{Account: otherAccount, Name: "prod"}, Secret: "later"}
	r, _ := applyEvents(t.Context(), map[planner.AccountID]applier.Target{account: f, otherAccount: g}, j, create("ours"), theirs, later)
	if !errors.Is(r.Err, full) || r.Results[2].Outcome != applier.Skipped || !errors.Is(r.Results[2].Err, full) {
		t.Errorf("error %v, the last is %s: %v", r.Err, r.Results[2].Outcome, r.Results[2].Err)
	}
}

// Actions in an account without a client fail.
func TestAnAccountWithoutATarget(t *testing.T) {
	f := newFake()
	actions := []planner.Action{
		{Op: planner.OpCreateStore, Store: planner.StoreKey{Account: account, Name: "another"}},
		create("new"), update(f, "upd"), remove(f, "early"), rename(f, "from", "to"),
	}
	actions[3].BeforeCreates = true
	f.log = nil
	r, _ := applyEvents(t.Context(), nil, &fakeJournal{target: f}, actions...)
	expectLog(t, f, "intent 1", "outcome map[failed:1]", "outcome map[failed:1]", "intent 1", "outcome map[failed:1]",
		"intent 1", "outcome map[failed:1]", "intent 1", "outcome map[failed:1]")
	for _, res := range r.Results {
		if res.Outcome != applier.Failed || res.Err == nil || !strings.Contains(res.Err.Error(), string(account)) {
			t.Errorf("%s %s: %s, %v", res.Action.Op, res.Action.Secret, res.Outcome, res.Err)
		}
	}
	r, _ = applyEvents(t.Context(), nil, &fakeJournal{target: f}, planner.Action{Op: planner.OpDeleteStore, Store: store, StoreID: "st1"})
	if res := r.Results[0]; res.Outcome != applier.Failed || res.Err == nil {
		t.Errorf("deleting a store: %s, %v", res.Outcome, res.Err)
	}
}

// Actions fail if the caller does not have their value.
func TestAValueThatIsNotThere(t *testing.T) {
	f := newFake()
	actions := []planner.Action{create("new"), update(f, "upd")}
	r, err := applier.Apply(t.Context(), &planner.Plan{Actions: actions}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: f}, Journal: &fakeJournal{target: f}, Now: serverTime.UTC,
		Value: func(planner.SecretKey) (secret.Value, bool) { return secret.Value{}, false },
	})
	expectLog(t, f, "intent 1", "outcome map[failed:1]", "intent 1", "outcome map[failed:1]")
	if err != nil || r.Count(applier.Failed) != 2 {
		t.Errorf("error %v, %d failed", err, r.Count(applier.Failed))
	}
	for _, res := range r.Results {
		if res.Err == nil || !strings.Contains(res.Err.Error(), "value") {
			t.Errorf("%s: %v", res.Action.Secret, res.Err)
		}
	}
}
